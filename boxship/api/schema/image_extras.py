"""The JSON shapes of ``/boxship/images``: Boxship's own extensions (docs/api-extensions.md)."""

from msgspec import UNSET, UnsetType, field

from boxship.api.schema.shape import Int64, Shape


class FileState(Shape, kw_only=True):
    """One version of a file."""

    mode: str
    uid: int
    gid: int
    size: int
    modified: str
    link: str | UnsetType = UNSET
    digest: str | UnsetType = UNSET
    layer: int


class FileDifference(Shape, kw_only=True):
    """A path that differs; null: it is not in that image."""

    path: str
    before: FileState | None
    after: FileState | None
    changed: list[str]


class PackageDifference(Shape, kw_only=True):
    """A package whose version differs; empty: it is not in that image."""

    kind: str
    name: str
    before: str
    after: str


class FieldDifference(Shape, kw_only=True):
    """A field of the configuration; null: not set."""

    field_name: str = field(name="Field")
    before: str | None
    after: str | None


class LayerSize(Shape, kw_only=True):
    """A layer."""

    diff_id: str
    size: int
    created_by: str
    shared: bool | UnsetType = UNSET


class DifferenceSide(Shape, kw_only=True):
    """One of two images."""

    id: str
    size: int
    layers: list[LayerSize]


class ImageDifference(Shape, kw_only=True):
    """Answer to ``GET /boxship/images/{name}/diff``."""

    before: DifferenceSide
    after: DifferenceSide
    files: list[FileDifference]
    packages: list[PackageDifference]
    config: list[FieldDifference]


class ListedFile(Shape, kw_only=True):
    """A file of an image; without a state: the layer removes the path."""

    path: str
    state: FileState | None
    layer: int
    hidden: bool


class ImageFiles(Shape, kw_only=True):
    """Answer to ``GET /boxship/images/{name}/files``."""

    layers: list[LayerSize]
    files: list[ListedFile]


class WastedFile(Shape, kw_only=True):
    """A file that cannot be seen."""

    path: str
    kind: str
    size: int
    layer: int


class WastefulLayer(Shape, kw_only=True):
    """A layer that hides others' files."""

    layer: int
    diff_id: str
    created_by: str
    size: int
    wasted: int
    files: list[WastedFile]
    advice: list[str]


class ImageWaste(Shape, kw_only=True):
    """Answer to ``GET /boxship/images/{name}/waste``."""

    total: int
    wasted: int
    efficiency: float
    layers: list[WastefulLayer]
    advice: list[str]


class ImageMade(Shape, kw_only=True):
    """Answer to operations that make an image."""

    id: str


class ImageMount(Shape, kw_only=True):
    """An image that is mounted on the host."""

    id: str
    image: str
    tags: list[str]
    target: str
    created: str


class BootstrapRequest(Shape, kw_only=True):
    """Body of ``POST /boxship/images/bootstrap``."""

    source: str = ""
    """``busybox`` or ``debian:SUITE``."""
    name: str = ""
    platforms: list[str] = field(default_factory=list)
    packages: list[str] = field(default_factory=list)
    variant: str = ""
    mirror: str = ""
    components: list[str] = field(default_factory=list)
    epoch: Int64 | None = None
    changes: list[str] = field(default_factory=list)
