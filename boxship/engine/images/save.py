"""Saving images: an OCI layout and a Docker archive in one tar, as Docker writes them.

Manifests, configurations and layers go out as they came in, so that digests survive a save and a
load.
"""

import tarfile
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from boxship.engine.images.catalog import Catalog
from boxship.engine.images.image import Image, LayerBlob
from boxship.engine.images.members import Member, members
from boxship.engine.storage.content import ContentStore
from boxship.engine.storage.errors import CorruptContentError
from boxship.engine.storage.service import StorageService
from boxship.oci import manifest as manifests
from boxship.oci.descriptor import Descriptor
from boxship.oci.manifest import Index
from boxship.oci.media_types import OCI_INDEX, is_foreign_layer
from boxship.reference import Reference, is_digest, parse_normalized

_SMALL = 1 << 16
_BLOCK = 512
_LAYOUT = b'{"imageLayoutVersion":"1.0.0"}'
CONTAINERD_NAME = "io.containerd.image.name"
REF_NAME = "org.opencontainers.image.ref.name"


@dataclass(slots=True)
class Saved:
    """An image and the tags under which it is saved."""

    image: Image
    references: list[Reference] = field(default_factory=list)
    index: str = ""
    """Digest of the index that the tags lead to, if it is to be saved too."""
    only: set[str] | None = None
    """Digests of the index's manifests that are saved; None: all."""
    members: list[Member] = field(default_factory=list)
    """The index with all that is saved of it, itself last; empty: the image alone."""


@dataclass(frozen=True, slots=True)
class FilePart:
    """A piece of an archive that is a whole file."""

    path: Path
    size: int


Piece = bytes | FilePart


def select(catalog: Catalog, names: Sequence[str], platforms: Sequence[str] = ()) -> list[Saved]:
    """Find what is to be saved: a bare repository name stands for all its tags, an id for none.

    A tag of an index stands for all of it, where it is whole here (see ``complete``), else for the
    best variant for this machine. platforms: the variants that are saved, a single one without
    its index. Raises NotFoundError.
    """
    chosen: dict[str, Saved] = {}
    wanted = ((name, platform) for name in names for platform in platforms or ("",))
    for name, platform in wanted:
        for image, reference in _expand(catalog, name, platform):
            index = _index_of(catalog, reference) if len(set(platforms)) != 1 else ""
            saved = chosen.setdefault(index or image.id, Saved(image, index=index))
            if reference is not None and reference not in saved.references:
                saved.references.append(reference)
            if platform and index:
                saved.only = (saved.only or set()) | {image.manifest_digest}
    return list(chosen.values())


def _index_of(catalog: Catalog, reference: Reference | None) -> str:
    named = catalog.store.named(reference.name, reference.tag or "") if reference else None
    return named.target if named else ""


def complete(content: ContentStore, chosen: Sequence[Saved]) -> None:
    """Find the members of the indexes that are whole here. [blocking]"""
    for saved in chosen:
        if saved.index:
            saved.members = members(content, saved.index, saved.only) or []


def _expand(catalog: Catalog, name: str, platform: str) -> list[tuple[Image, Reference | None]]:
    if name.startswith("sha256:") or is_digest(f"sha256:{name}"):
        return [(catalog.get(name, platform), None)]
    reference = parse_normalized(name)
    if not (reference.tag or reference.digest):
        tags = catalog.store.tags_of(reference.name)
        if tags:
            tagged = [reference.with_tag(tag) for tag in tags]
            return [(catalog.get(str(one), platform), one) for one in tagged]
    image = catalog.get(name, platform)
    shown = reference.with_default_tag()
    is_tag = shown.tag and not shown.digest and shown.familiar in image.repo_tags
    return [(image, shown if is_tag else None)]


def write_archive(storage: StorageService, chosen: Sequence[Saved]) -> Generator[Piece, None, None]:
    """Yield the tar, a piece at a time. [blocking]

    Raises CorruptContentError where a layer cannot be packed as it was.
    """
    content = storage.content
    yield _directory("blobs/")
    yield _directory("blobs/sha256/")
    elsewhere = _elsewhere(content, chosen)
    for digest, layer in _blobs(chosen).items():
        if digest in elsewhere:
            continue
        if layer is None or content.has(digest):
            yield from _blob(content, digest)
        else:
            yield from _packed(storage, layer)
    index = Index(
        schema_version=2,
        media_type=OCI_INDEX,
        manifests=[entry for saved in chosen for entry in _entries(content, saved)],
    )
    yield _file("index.json", manifests.encode(index))
    yield _file("manifest.json", msgspec.json.encode([_docker_entry(one) for one in chosen]))
    yield _file("oci-layout", _LAYOUT)
    yield _file("repositories", msgspec.json.encode(_repositories(chosen)))
    yield bytes(2 * _BLOCK)


def _blobs(chosen: Iterable[Saved]) -> dict[str, LayerBlob | None]:
    """Return all blobs by digest, each once; those of layers with what is known of them."""
    found: dict[str, LayerBlob | None] = {}
    for saved in chosen:
        image = saved.image
        found.setdefault(image.id, None)
        for blob in image.blobs:
            found.setdefault(blob.digest, blob)
        found.setdefault(image.manifest_digest, None)
        for member in saved.members:
            found.update({blob.digest: None for blob in member.blobs if blob.digest not in found})
            found.setdefault(member.digest, None)
    return found


def _elsewhere(content: ContentStore, chosen: Iterable[Saved]) -> set[str]:
    """Return the layers that are not here and need not be: their manifests name URLs."""
    blobs: list[LayerBlob | Descriptor] = []
    for saved in chosen:
        blobs += saved.image.blobs
        blobs += [blob for member in saved.members for blob in member.blobs]
    return {
        blob.digest
        for blob in blobs
        if is_foreign_layer(blob.media_type) and not content.has(blob.digest)
    }


def _entries(content: ContentStore, saved: Saved) -> list[Descriptor]:
    image = saved.image
    plain = Descriptor(
        media_type=image.manifest_media_type,
        digest=image.manifest_digest,
        size=content.size(image.manifest_digest),
        platform=image.config.platform,
    )
    if saved.members:
        index = saved.members[-1]
        plain = Descriptor(media_type=index.media_type, digest=index.digest, size=len(index.data))
    if not saved.references:
        return [plain]
    return [
        msgspec.structs.replace(
            plain, annotations={CONTAINERD_NAME: str(reference), REF_NAME: reference.tag or ""}
        )
        for reference in saved.references
    ]


def _docker_entry(saved: Saved) -> dict[str, object]:
    image = saved.image
    return {
        "Config": blob_path(image.id),
        "RepoTags": [reference.familiar for reference in saved.references] or None,
        "Layers": [blob_path(blob.digest) for blob in image.blobs],
    }


def _repositories(chosen: Sequence[Saved]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for saved in chosen:
        for reference in saved.references:
            tags = found.setdefault(reference.familiar_name, {})
            tags[reference.tag or ""] = (saved.image.chain_ids or ("",))[-1].removeprefix("sha256:")
    return found


def blob_path(digest: str) -> str:
    """Return a blob's place in an OCI layout (image-layout.md)."""
    return f"blobs/{digest.replace(':', '/')}"


def _header(name: str, size: int, kind: bytes, mode: int) -> bytes:
    member = tarfile.TarInfo(name)
    member.size, member.type, member.mode = size, kind, mode
    return member.tobuf(tarfile.PAX_FORMAT)


def _directory(name: str) -> bytes:
    return _header(name, 0, tarfile.DIRTYPE, 0o755)


def _file(name: str, data: bytes) -> bytes:
    return _header(name, len(data), tarfile.REGTYPE, 0o644) + data + bytes(-len(data) % _BLOCK)


def _blob(content: ContentStore, digest: str) -> Generator[Piece, None, None]:
    size = content.size(digest)
    header = _header(blob_path(digest), size, tarfile.REGTYPE, 0o644)
    if size <= _SMALL:
        yield header + content.read(digest) + bytes(-size % _BLOCK)
        return
    yield header
    yield FilePart(content.path(digest), size)
    if size % _BLOCK:
        yield bytes(-size % _BLOCK)


def _packed(storage: StorageService, layer: LayerBlob) -> Generator[Piece, None, None]:
    """Pack a layer that has no blob of its own; its archive is a whole number of blocks."""
    yield _header(blob_path(layer.digest), layer.size, tarfile.REGTYPE, 0o644)
    missing = layer.size
    for chunk in storage.open_layer_tar(layer.chain_id):
        missing -= len(chunk)
        if missing < 0:
            break
        yield chunk
    if missing:
        raise CorruptContentError(
            f"layer {layer.chain_id} does not pack to the {layer.size} bytes that it had: its "
            "files were changed on the disk"
        )
