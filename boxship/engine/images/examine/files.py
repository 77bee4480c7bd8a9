"""The files of an image, with the layers they come from."""

from collections.abc import Iterator

from boxship.engine.images.examine.report import FileState, ListedFile, Listing
from boxship.engine.images.examine.stack import Hidden, Union, layer_sizes, shown, state_of
from boxship.engine.images.image import Image
from boxship.engine.storage.service import StorageService
from boxship.engine.storage.snapshots.contents import LayerFile
from boxship.errors import NotFoundError


def list_files(
    storage: StorageService, image: Image, path: str = "", *, versions: bool = False
) -> Listing:
    """List what is at and below a path, sorted; versions: also what is hidden. [blocking]

    Raises NotFoundError where the image has nothing at the path.
    """
    wanted = path.strip("/").encode("utf-8", "surrogateescape")
    if any(part in (b"..", b".") for part in wanted.split(b"/")):
        raise NotFoundError(f"no such file in the image: {path}: give a path without dots")
    union = Union()
    found: list[ListedFile] = []
    for place, chain in enumerate(image.chain_ids):
        files = storage.contents.files(chain)
        removals: list[LayerFile] = []
        hidden = list(union.apply(_noting(files, removals), place))
        if versions:
            found += [_hidden(one) for one in hidden if _is_wanted(one.version.file.path, wanted)]
            found += [_removal(file, place) for file in removals if _is_wanted(file.path, wanted)]
    for name, version in union.files.items():
        if _is_wanted(name, wanted):
            found.append(_listed(name, state_of(version), version.layer))
    if wanted and not found:
        raise NotFoundError(f"no such file in the image: /{wanted.decode(errors='replace')}")
    found.sort(key=lambda file: (file.path, -file.layer))
    return Listing(layers=layer_sizes(storage, image), files=tuple(found))


def _noting(files: Iterator[LayerFile], removals: list[LayerFile]) -> Iterator[LayerFile]:
    for file in files:
        if file.status is None:
            removals.append(file)
        yield file


def _is_wanted(path: bytes, wanted: bytes) -> bool:
    return not wanted or path == wanted or path.startswith(wanted + b"/")


def _hidden(hidden: Hidden) -> ListedFile:
    version = hidden.version
    return _listed(version.file.path, state_of(version), version.layer, hidden=True)


def _removal(file: LayerFile, place: int) -> ListedFile:
    return _listed(file.path, None, place)


def _listed(
    path: bytes, state: FileState | None, layer: int, *, hidden: bool = False
) -> ListedFile:
    return ListedFile(path=shown(path), state=state, layer=layer, hidden=hidden)
