"""What a loaded archive says: which images it has, by Docker's or by OCI's documents."""

from dataclasses import dataclass, replace

import msgspec

from boxship.engine.images.archive import Archive, normal_path
from boxship.engine.images.resolve import check_is_image
from boxship.engine.images.save import CONTAINERD_NAME, REF_NAME, blob_path
from boxship.engine.images.variants import Found, blob_document, find_variants, read_index
from boxship.errors import InvalidParameterError
from boxship.oci import document
from boxship.oci import manifest as manifests
from boxship.oci.descriptor import Descriptor
from boxship.oci.manifest import Manifest
from boxship.oci.media_types import INDEXES, MANIFESTS
from boxship.oci.platform import Platform
from boxship.reference import Reference, parse_normalized

MAX_IMAGES = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """An image that the archive lists; paths are members of the archive."""

    config: str
    layers: tuple[str, ...]
    """Foreign ones may be missing."""
    digest: str = ""
    """Of its manifest, where the archive has one; it is in the content store."""
    media_type: str = ""
    manifest: Manifest | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """What names of an archive lead to: one image, or the variants of an index."""

    images: tuple[Listed, ...]
    references: tuple[Reference, ...]
    index: str = ""
    """Digest of the index; empty: one image alone."""
    parts: tuple[str, ...] = ()
    """Digests of what else belongs to the index: attestations, nested indexes."""


class _DockerEntry(msgspec.Struct, rename="pascal"):
    config: str
    layers: list[str] = msgspec.field(default_factory=list)
    repo_tags: list[str] = msgspec.field(default_factory=list)


def list_images(archive: Archive, wanted: Platform | None) -> list[Bundle]:
    """Return the images of an archive. [blocking]

    wanted: of several platforms take this one alone; None: all of an index that has a name, of
    another one the host's. Raises InvalidParameterError.
    """
    if "manifest.json" in archive:
        return _docker_bundles(archive, wanted)
    if "index.json" in archive:
        return _oci_bundles(archive, read_index(archive.document("index.json")).manifests, wanted)
    raise InvalidParameterError(
        "invalid archive: it has neither manifest.json nor index.json, so it is no saved image; "
        "an exported filesystem is imported with `import`"
    )


def _docker_bundles(archive: Archive, wanted: Platform | None) -> list[Bundle]:
    """Read manifest.json; it does not know indexes, which an index.json beside it tells."""
    value = document.parse(archive.document("manifest.json"), "manifest.json")
    docker = document.convert(value, list[_DockerEntry], "manifest.json")
    entries = _entries_beside(archive)
    indexes = [entry for entry in entries if entry.media_type in INDEXES]
    bundles = _oci_bundles(archive, indexes, wanted)
    covered = {one.config: at for at, found in enumerate(bundles) for one in found.images}
    named = {reference for bundle in bundles for reference in bundle.references}
    verbatim = _manifests_by_config(archive, entries)
    for entry in docker[:MAX_IMAGES]:
        bundle = _docker_bundle(archive, entry, verbatim)
        place = covered.get(bundle.images[0].config)
        if bundle.references and named.issuperset(bundle.references):
            continue
        if place is None:
            bundles.append(bundle)
        elif not bundles[place].references:
            bundles[place] = replace(bundles[place], references=bundle.references)
    return bundles


def _docker_bundle(archive: Archive, entry: _DockerEntry, verbatim: dict[str, Listed]) -> Bundle:
    references = []
    for tag in entry.repo_tags:
        reference = parse_normalized(tag)
        if not reference.tag:
            raise InvalidParameterError(f"invalid tag {tag!r}")
        references.append(reference)
    config = archive.resolve(entry.config)
    listed = verbatim.get(config)
    if listed is None or listed.layers != tuple(_member(archive, one) for one in entry.layers):
        layers = tuple(archive.resolve(layer) for layer in entry.layers)
        listed = Listed(config=config, layers=layers)
    return Bundle(images=(listed,), references=tuple(references))


def _entries_beside(archive: Archive) -> list[Descriptor]:
    """Return what an index.json beside manifest.json lists, as far as it is in the archive."""
    if "index.json" not in archive:
        return []
    entries = read_index(archive.document("index.json")).manifests
    return [entry for entry in entries if blob_path(entry.digest) in archive]


def _manifests_by_config(archive: Archive, entries: list[Descriptor]) -> dict[str, Listed]:
    """Return the images whose manifests stand alone in index.json, by their config's path."""
    found: dict[str, Listed] = {}
    for entry in entries:
        if entry.media_type not in MANIFESTS:
            continue
        manifest = manifests.decode(blob_document(archive, entry), entry.media_type)
        if isinstance(manifest, Manifest):
            found[blob_path(manifest.config.digest)] = _listed(archive, entry, manifest)
    return found


def _oci_bundles(
    archive: Archive, entries: list[Descriptor], wanted: Platform | None
) -> list[Bundle]:
    """Read an OCI layout; several entries for one document are several names of it."""
    bundles: dict[str, Bundle] = {}
    names: dict[str, list[Reference]] = {}
    for entry in entries[:MAX_IMAGES]:
        name = _name_of(entry)
        names.setdefault(entry.digest, []).extend([name] if name else [])
    for entry in {entry.digest: entry for entry in entries[:MAX_IMAGES]}.values():
        bundle = _oci_bundle(archive, entry, tuple(names[entry.digest]), wanted)
        key = bundle.index or bundle.images[0].config
        earlier = bundles[key].references if key in bundles else ()
        bundles[key] = replace(bundle, references=(*earlier, *bundle.references))
    return list(bundles.values())


def _oci_bundle(
    archive: Archive, entry: Descriptor, names: tuple[Reference, ...], wanted: Platform | None
) -> Bundle:
    found = find_variants(archive, entry)
    chosen = found.images if names and not wanted else [found.choose(wanted)]
    shown = names[0].familiar if names else entry.digest
    for _, manifest in chosen:
        check_is_image(manifest, shown)
    images = tuple(_listed(archive, variant, manifest) for variant, manifest in chosen)
    if entry.media_type not in INDEXES or not names:
        return Bundle(images=images, references=names)
    parts = _parts(archive, found) if not wanted else ()
    return Bundle(images=images, references=names, index=entry.digest, parts=parts)


def _parts(archive: Archive, found: Found) -> tuple[str, ...]:
    return tuple(archive.blob(blob_path(digest)).digest for digest in found.parts)


def _listed(archive: Archive, entry: Descriptor, manifest: Manifest) -> Listed:
    return Listed(
        config=archive.resolve(blob_path(manifest.config.digest)),
        layers=tuple(_member(archive, blob_path(layer.digest)) for layer in manifest.layers),
        digest=entry.digest,
        media_type=entry.media_type,
        manifest=manifest,
    )


def _member(archive: Archive, path: str) -> str:
    """Return a member's own path; that of a missing one as it is."""
    return archive.resolve(path) if path in archive else normal_path(path)


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
