"""A descriptor: the type, digest and size of some content, and where it may be found."""

from msgspec import Struct, field

from boxship.errors import InvalidParameterError
from boxship.oci.platform import Platform
from boxship.reference import check_digest

MAX_BLOB_SIZE = 1 << 50


class Descriptor(Struct, frozen=True, omit_defaults=True, rename="camel"):
    """opencontainers/image-spec descriptor.md."""

    media_type: str
    digest: str
    size: int
    urls: list[str] = field(default_factory=list)
    annotations: dict[str, str] = field(default_factory=dict)
    platform: Platform | None = None
    artifact_type: str = ""

    def check(self, what: str) -> None:
        """Raise InvalidParameterError unless digest and size are possible."""
        try:
            check_digest(self.digest)
        except InvalidParameterError as error:
            raise InvalidParameterError(
                f"invalid {what}: digest {self.digest!r}: {error}"
            ) from None
        if not 0 <= self.size <= MAX_BLOB_SIZE:
            raise InvalidParameterError(f"invalid {what}: impossible size {self.size}")
