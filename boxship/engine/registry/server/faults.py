"""What a registry refuses, with the specification's codes (distribution-spec, "Error Codes")."""

from collections.abc import Mapping

from boxship.errors import BoxshipError


class RegistryFaultError(BoxshipError):
    """A request that cannot be served. code: the specification's, or distribution's own."""

    code = "UNKNOWN"

    def __init__(self, message: str, detail: Mapping[str, object] | None = None) -> None:
        super().__init__(message)
        self.detail = dict(detail or {})


class BlobUnknownError(RegistryFaultError):
    """No such blob in the repository."""

    code = "BLOB_UNKNOWN"


class UploadInvalidError(RegistryFaultError):
    """An upload cannot go on as asked."""

    code = "BLOB_UPLOAD_INVALID"


class UploadUnknownError(RegistryFaultError):
    """No such upload: finished, cancelled or expired."""

    code = "BLOB_UPLOAD_UNKNOWN"


class DigestInvalidError(RegistryFaultError):
    """A digest is malformed, or is not that of the content."""

    code = "DIGEST_INVALID"


class ReferenceMissingError(RegistryFaultError):
    """A manifest names content that is not in the repository."""

    code = "MANIFEST_BLOB_UNKNOWN"


class ManifestInvalidError(RegistryFaultError):
    """A manifest is malformed."""

    code = "MANIFEST_INVALID"


class ManifestUnknownError(RegistryFaultError):
    """No such manifest in the repository."""

    code = "MANIFEST_UNKNOWN"


class NameInvalidError(RegistryFaultError):
    """A repository's name is malformed."""

    code = "NAME_INVALID"


class NameUnknownError(RegistryFaultError):
    """No such repository."""

    code = "NAME_UNKNOWN"


class TagInvalidError(RegistryFaultError):
    """A tag is malformed."""

    code = "TAG_INVALID"


class TooLargeError(RegistryFaultError):
    """Content is larger than the registry takes."""

    code = "SIZE_INVALID"


class RangeInvalidError(RegistryFaultError):
    """A piece of an upload that does not follow on what is there."""

    code = "RANGE_INVALID"


class UnauthorizedError(RegistryFaultError):
    """Credentials are missing or wrong."""

    code = "UNAUTHORIZED"


class DeniedError(RegistryFaultError):
    """These credentials do not allow it."""

    code = "DENIED"


class ReadOnlyError(RegistryFaultError):
    """The registry takes no changes."""

    code = "DENIED"


class TooManyRequestsError(RegistryFaultError):
    """Too much is under way at once."""

    code = "TOOMANYREQUESTS"


class UnsupportedError(RegistryFaultError):
    """The registry does not do this."""

    code = "UNSUPPORTED"


class PageInvalidError(RegistryFaultError):
    """The number of entries of a page is malformed."""

    code = "PAGINATION_NUMBER_INVALID"


class NoSpaceError(RegistryFaultError):
    """The registry's disk is full; an upload goes on once there is room."""


class UpstreamError(RegistryFaultError):
    """The registry behind a cache does not answer, or refuses."""
