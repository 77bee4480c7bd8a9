"""What a loaded archive says: which images it has, by Docker's or by OCI's documents."""

from dataclasses import dataclass

import msgspec

from boxship.engine.images.archive import Archive
from boxship.engine.images.resolve import check_is_image, choose_entry
from boxship.engine.images.save import CONTAINERD_NAME, REF_NAME, blob_path
from boxship.errors import InvalidParameterError
from boxship.oci import document
from boxship.oci import manifest as manifests
from boxship.oci.descriptor import Descriptor
from boxship.oci.manifest import Index, Manifest
from boxship.oci.media_types import INDEXES, MANIFESTS
from boxship.oci.platform import Platform
from boxship.reference import Reference, parse_normalized

MAX_IMAGES = 4096
MAX_INDEX_DEPTH = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """An image that the archive lists; paths are members of the archive."""

    config: str
    layers: tuple[str, ...]
    references: tuple[Reference, ...]
    manifest: bytes | None = None
    """Its manifest, verbatim, where the archive has one."""
    media_type: str = ""


class _DockerEntry(msgspec.Struct, rename="pascal"):
    config: str
    layers: list[str] = msgspec.field(default_factory=list)
    repo_tags: list[str] = msgspec.field(default_factory=list)


def list_images(archive: Archive, wanted: Platform | None) -> list[Listed]:
    """Return the images of an archive.

    wanted: of several platforms take this one; None: the host's.
    Raises InvalidParameterError.
    """
    if "manifest.json" in archive:
        return _docker_images(archive)
    if "index.json" in archive:
        return _oci_images(archive, wanted)
    raise InvalidParameterError(
        "invalid archive: it has neither manifest.json nor index.json, so it is no saved image; "
        "an exported filesystem is imported with `import`"
    )


def _docker_images(archive: Archive) -> list[Listed]:
    value = document.parse(archive.document("manifest.json"), "manifest.json")
    entries = document.convert(value, list[_DockerEntry], "manifest.json")
    verbatim = _manifests_by_config(archive)
    return [_docker_image(archive, entry, verbatim) for entry in entries[:MAX_IMAGES]]


def _docker_image(
    archive: Archive, entry: _DockerEntry, verbatim: dict[str, tuple[bytes, str, Manifest]]
) -> Listed:
    references = []
    for tag in entry.repo_tags:
        reference = parse_normalized(tag)
        if not reference.tag:
            raise InvalidParameterError(f"invalid tag {tag!r}")
        references.append(reference)
    config = archive.resolve(entry.config)
    layers = tuple(archive.resolve(layer) for layer in entry.layers)
    data, media_type, manifest = verbatim.get(config, (None, "", None))
    if manifest and layers != tuple(blob_path(layer.digest) for layer in manifest.layers):
        data, media_type = None, ""
    return Listed(
        config=config,
        layers=layers,
        references=tuple(references),
        manifest=data,
        media_type=media_type,
    )


def _manifests_by_config(archive: Archive) -> dict[str, tuple[bytes, str, Manifest]]:
    """Return the manifests that an OCI index beside manifest.json lists, by their config's path."""
    found: dict[str, tuple[bytes, str, Manifest]] = {}
    if "index.json" not in archive:
        return found
    index = _index(archive.document("index.json"))
    for entry in index.manifests:
        if entry.media_type not in MANIFESTS or blob_path(entry.digest) not in archive:
            continue
        data = _blob_document(archive, entry)
        manifest = manifests.decode(data, entry.media_type)
        if isinstance(manifest, Manifest):
            found[blob_path(manifest.config.digest)] = (data, entry.media_type, manifest)
    return found


def _oci_images(archive: Archive, wanted: Platform | None) -> list[Listed]:
    """Read an OCI layout; several entries for one manifest are several names of one image."""
    listed: dict[str, Listed] = {}
    for entry in _index(archive.document("index.json")).manifests[:MAX_IMAGES]:
        name = _name_of(entry)
        data, media_type = _one_platform(archive, entry, wanted)
        manifest = manifests.decode(data, media_type)
        if not isinstance(manifest, Manifest):
            raise InvalidParameterError("invalid index: indexes nested too deeply")
        check_is_image(manifest, name.familiar if name else entry.digest)
        path = blob_path(manifest.config.digest)
        earlier = listed[path].references if path in listed else ()
        listed[path] = Listed(
            config=archive.resolve(path),
            layers=tuple(archive.resolve(blob_path(layer.digest)) for layer in manifest.layers),
            references=(*earlier, *((name,) if name else ())),
            manifest=data,
            media_type=media_type,
        )
    return list(listed.values())


def _one_platform(
    archive: Archive, entry: Descriptor, wanted: Platform | None
) -> tuple[bytes, str]:
    for _ in range(MAX_INDEX_DEPTH):
        data = _blob_document(archive, entry)
        if entry.media_type not in INDEXES:
            break
        entry = choose_entry(_index(data), wanted)
    return data, entry.media_type


def _index(data: bytes) -> Index:
    index = manifests.decode(data)
    if not isinstance(index, Index):
        raise InvalidParameterError("invalid archive: index.json is no index")
    return index


def _blob_document(archive: Archive, entry: Descriptor) -> bytes:
    """Return a document of the layout; that it has its digest is checked here."""
    archive.blob(blob_path(entry.digest))
    return archive.document(blob_path(entry.digest))


def _name_of(entry: Descriptor) -> Reference | None:
    """Return the tagged name that an index entry carries, if it is a whole one."""
    full = entry.annotations.get(CONTAINERD_NAME, "")
    name = full or entry.annotations.get(REF_NAME, "")
    if not full and not ("/" in name or ":" in name):
        return None
    try:
        reference = parse_normalized(name).with_default_tag()
    except InvalidParameterError:
        return None
    return reference if reference.tag else None
