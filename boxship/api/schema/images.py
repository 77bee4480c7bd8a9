"""The JSON shapes of ``/images``."""

from msgspec import UNSET, UnsetType, field

from boxship.api.schema.container_config import Config, ImageRuntimeConfig
from boxship.api.schema.containers import GraphDriver
from boxship.api.schema.shape import Shape


class ManifestSize(Shape):
    """Bytes of a manifest's content, and of that with what is unpacked."""

    total: int
    content: int


class UnpackedSize(Shape):
    """Bytes of an image's unpacked layers."""

    unpacked: int


class ManifestImage(Shape):
    """What only an image's manifest has."""

    platform: dict[str, object]
    containers: list[str]
    size: UnpackedSize


class ManifestAttestation(Shape):
    """What only an attestation has."""

    about: str = field(name="For")


class ManifestSummary(Shape, kw_only=True):
    """One manifest that an image's index lists (``ImageManifestSummary``)."""

    id: str = field(name="ID")
    descriptor: dict[str, object]
    available: bool
    size: ManifestSize
    kind: str
    image_data: ManifestImage | UnsetType = UNSET
    attestation_data: ManifestAttestation | UnsetType = UNSET


class ImageSummary(Shape, kw_only=True):
    """One image in the answer to ``GET /images/json``."""

    containers: int
    created: int
    id: str
    labels: dict[str, str] | None
    parent_id: str = field(name="ParentId")
    repo_digests: list[str]
    repo_tags: list[str]
    shared_size: int
    size: int
    virtual_size: int | UnsetType = UNSET
    manifests: list[ManifestSummary] | UnsetType = UNSET
    descriptor: dict[str, object] | UnsetType = UNSET


class RootFs(Shape, kw_only=True):
    """The layers, by digest of their uncompressed content."""

    type: str
    layers: list[str] | UnsetType = UNSET


class ImageMetadata(Shape):
    """What the engine knows of an image beside its own document."""

    last_tag_time: str


class ImageInspected(Shape, kw_only=True):
    """Answer to ``GET /images/{name}/json``."""

    id: str
    repo_tags: list[str]
    repo_digests: list[str]
    parent: str | UnsetType = UNSET
    comment: str
    created: str | UnsetType = UNSET
    container: str | UnsetType = UNSET
    container_config: Config | UnsetType = UNSET
    docker_version: str | UnsetType = UNSET
    author: str
    config: Config | ImageRuntimeConfig
    architecture: str
    variant: str | UnsetType = UNSET
    os: str = field(name="Os")
    os_version: str | UnsetType = field(default=UNSET, name="OsVersion")
    size: int
    virtual_size: int | UnsetType = UNSET
    graph_driver: GraphDriver
    root_fs: RootFs = field(name="RootFS")
    metadata: ImageMetadata
    descriptor: dict[str, object] | UnsetType = UNSET
    manifests: list[ManifestSummary] | UnsetType = UNSET


class HistoryItem(Shape):
    """One step of an image's history, newest first."""

    id: str
    created: int
    created_by: str
    tags: list[str] | None
    size: int
    comment: str


class ImageRemoval(Shape, kw_only=True):
    """One line of the answer to a removal."""

    untagged: str | UnsetType = UNSET
    deleted: str | UnsetType = UNSET


class ImagesPruned(Shape):
    """Answer to prune."""

    images_deleted: list[ImageRemoval] | None
    space_reclaimed: int


class ProgressDetail(Shape, rename="camel", kw_only=True):
    """How far a transfer is, in bytes."""

    current: int | UnsetType = UNSET
    total: int | UnsetType = UNSET


class ProgressMessage(Shape, rename="camel", kw_only=True):
    """One line of a progress stream."""

    stream: str | UnsetType = UNSET
    status: str | UnsetType = UNSET
    progress_detail: ProgressDetail | UnsetType = UNSET
    id: str | UnsetType = UNSET
    aux: dict[str, object] | UnsetType = UNSET


class AuthConfig(Shape, rename=None):
    """The document in X-Registry-Auth; its keys are in lower case."""

    username: str | None = None
    password: str | None = None
    auth: str | None = None
    email: str | None = None
    serveraddress: str | None = None
    identitytoken: str | None = None
    registrytoken: str | None = None


class Committed(Shape):
    """Answer to ``POST /commit``."""

    id: str
