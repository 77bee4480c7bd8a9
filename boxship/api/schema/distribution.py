"""JSON shapes of ``/distribution``, ``/images/search`` and ``/boxship/registry``."""

from msgspec import UNSET, Raw, UnsetType

from boxship.api.schema.shape import Shape


class Platform(Shape, rename={"os_version": "os.version"}):
    """An OCI platform; its keys are in lower case."""

    architecture: str
    os: str
    os_version: str | UnsetType = UNSET
    variant: str | UnsetType = UNSET


class RemoteDescriptor(Shape, rename="camel"):
    """An OCI descriptor."""

    media_type: str
    digest: str
    size: int
    annotations: dict[str, str] | UnsetType = UNSET


class DistributionInspect(Shape):
    """What a registry has under a name."""

    descriptor: RemoteDescriptor
    platforms: list[Platform]


class AttestationStatement(Shape):
    """A statement about an image; Statement is its JSON, verbatim."""

    descriptor: RemoteDescriptor
    predicate_type: str
    statement: Raw | UnsetType = UNSET


class SearchResult(Shape, rename=None):
    """A repository that a search found; its keys are in lower case."""

    star_count: int
    is_official: bool
    name: str
    is_automated: bool
    description: str


class ManifestStored(Shape):
    """Where a manifest went."""

    digest: str


class RegistryCopyBody(Shape):
    """What is copied; Source and Target are image names, SourceAuth is like X-Registry-Auth."""

    source: str = ""
    target: str = ""
    source_auth: str = ""
    insecure: bool = False
