"""What an examination of images finds. Paths are absolute; odd bytes are surrogate escapes."""

import stat
from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True, kw_only=True)
class FileState:
    """One version of a file."""

    mode: int
    """``st_mode``: kind and permission bits."""
    uid: int
    gid: int
    size: int
    """Bytes; 0 for what is no regular file."""
    mtime_ns: int
    link: str = ""
    """Target of a symbolic link."""
    digest: str = ""
    """``sha256:…`` of the content, where it was compared."""
    layer: int = 0
    """Place of the layer that brought it, the lowest is 0."""

    @property
    def permissions(self) -> str:
        """``-rwxr-xr-x``"""
        return stat.filemode(self.mode)


@dataclass(frozen=True, slots=True, kw_only=True)
class FileDifference:
    """A path that is not the same in both images; None: it is not there."""

    path: str
    before: FileState | None
    after: FileState | None
    changed: tuple[str, ...] = ()
    """Which of kind, mode, owner, size, content, link, device differ."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageDifference:
    """A package whose version differs; an empty version: it is not there."""

    kind: str
    """deb, apk, rpm, python or npm."""
    name: str
    before: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldDifference:
    """A field of the configuration; None: it is not set."""

    field: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerSize:
    """A layer and its unpacked bytes."""

    diff_id: str
    size: int
    created_by: str
    shared: bool = False
    """Both images stand on it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """All that tells two images apart."""

    before_id: str
    after_id: str
    files: tuple[FileDifference, ...]
    packages: tuple[PackageDifference, ...]
    config: tuple[FieldDifference, ...]
    before_layers: tuple[LayerSize, ...]
    after_layers: tuple[LayerSize, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedFile:
    """A file of an image, or a version of it that is not seen any more."""

    path: str
    state: FileState | None
    """None: the layer removes the path."""
    layer: int
    hidden: bool = False
    """A higher layer replaces or removes it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """An image's files with the layers they come from."""

    layers: tuple[LayerSize, ...]
    files: tuple[ListedFile, ...]


class WasteKind(StrEnum):
    """How a layer hides what is below it."""

    REMOVED = "removed"
    REPLACED = "replaced"
    ATTRIBUTES = "attributes"
    """The same content again, with another owner, mode or time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WastedFile:
    """A file that nobody can see."""

    path: str
    kind: WasteKind
    size: int
    layer: int
    """The layer that holds the bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WastefulLayer:
    """A layer that hides files of lower ones."""

    layer: int
    diff_id: str
    created_by: str
    size: int
    wasted: int
    """Bytes in lower layers that this one hides."""
    files: tuple[WastedFile, ...]
    """The largest first."""
    advice: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Waste:
    """What an image's layers hide, all in all."""

    total: int
    """Bytes of all layers."""
    wasted: int
    layers: tuple[WastefulLayer, ...]
    """Those that hide something, the most wasteful first."""
    advice: tuple[str, ...]

    @property
    def efficiency(self) -> float:
        """Which part of the bytes can be seen, 0 to 1."""
        return 1 - self.wasted / self.total if self.total else 1.0
