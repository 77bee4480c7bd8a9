"""From a name in a registry to the manifest of one image for one platform."""

from collections.abc import Callable
from dataclasses import dataclass

from boxship.engine.images.reclaim import Lease
from boxship.engine.images.workers import Workers
from boxship.engine.registry.client import Repository
from boxship.engine.storage.content import ContentStore
from boxship.errors import InvalidParameterError, NotFoundError
from boxship.oci import manifest as manifests
from boxship.oci.descriptor import Descriptor
from boxship.oci.manifest import Index, Manifest
from boxship.oci.media_types import is_layer
from boxship.oci.platform import Platform, choose, host_platform

MAX_INDEX_DEPTH = 3
MAX_VARIANTS = 64
"""How many images of one index are fetched when all of them are wanted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """A manifest that the content store holds."""

    manifest: Manifest
    digest: str
    """Of this manifest."""
    media_type: str
    named_digest: str
    """Of what the name led to: this manifest, or an index that lists it."""

    @property
    def index(self) -> str:
        """Digest of the index that lists it, empty for a manifest that stands alone."""
        return self.named_digest if self.named_digest != self.digest else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedIndex:
    """All that an index lists, as far as it makes sense here."""

    images: list[Resolved]
    parts: list[Descriptor]
    """Content that goes with the index: attestations with their blobs, nested indexes."""


class Resolver:
    """Fetches manifests and indexes into the content store and chooses the platform."""

    def __init__(self, content: ContentStore, workers: Workers) -> None:
        self._content = content
        self._workers = workers

    async def resolve(
        self, source: Repository, tag_or_digest: str, wanted: Platform | None, lease: Lease
    ) -> Resolved:
        """Return the image for the wanted platform, or for this host.

        Raises the registry's errors, InvalidParameterError for documents that make no sense,
        NotFoundError where no entry of an index fits.
        """
        named_digest, media_type, data = await self._named(source, tag_or_digest, lease)
        digest, document = named_digest, manifests.decode(data, media_type)
        for _ in range(MAX_INDEX_DEPTH):
            if isinstance(document, Manifest):
                check_is_image(document, source.reference.familiar)
                return _resolved(document, digest, media_type, named_digest)
            entry = choose_entry(document, wanted)
            digest, media_type = entry.digest, entry.media_type
            data = await self._member(source, entry, lease)
            document = manifests.decode(data, media_type)
        raise InvalidParameterError("invalid index: indexes nested too deeply")

    async def resolve_all(
        self, source: Repository, tag_or_digest: str, lease: Lease
    ) -> ResolvedIndex:
        """Return everything that an index lists; a manifest that stands alone lists itself.

        Raises what ``resolve`` raises.
        """
        named_digest, media_type, data = await self._named(source, tag_or_digest, lease)
        document = manifests.decode(data, media_type)
        if isinstance(document, Manifest):
            check_is_image(document, source.reference.familiar)
            return ResolvedIndex(
                images=[_resolved(document, named_digest, media_type, named_digest)], parts=[]
            )
        found = ResolvedIndex(images=[], parts=[])
        await self._walk(source, document, named_digest, found, lease, MAX_INDEX_DEPTH)
        if not found.images:
            raise NotFoundError(f"{source.reference.familiar} is an index without any image")
        return found

    async def _walk(
        self,
        source: Repository,
        index: Index,
        named_digest: str,
        found: ResolvedIndex,
        lease: Lease,
        depth: int,
    ) -> None:
        if not depth:
            raise InvalidParameterError("invalid index: indexes nested too deeply")
        for entry in index.manifests:
            data = await self._member(source, entry, lease)
            document = manifests.decode(data, entry.media_type)
            if isinstance(document, Index):
                found.parts.append(entry)
                await self._walk(source, document, named_digest, found, lease, depth - 1)
            elif is_attestation(entry) or not is_image(document):
                found.parts.extend((entry, document.config, *document.layers))
            elif len(found.images) >= MAX_VARIANTS:
                raise InvalidParameterError(f"invalid index: more than {MAX_VARIANTS} images")
            else:
                kind = entry.media_type
                found.images.append(_resolved(document, entry.digest, kind, named_digest))

    async def _named(
        self, source: Repository, tag_or_digest: str, lease: Lease
    ) -> tuple[str, str, bytes]:
        head = await self._workers.run(lambda: source.head_manifest(tag_or_digest))
        if head is not None:
            await lease.hold([head.digest])
            if self._content.has(head.digest):
                return head.digest, head.media_type, self._content.read(head.digest)
        name = head.digest if head else tag_or_digest
        media_type, data, digest = await self._get(lambda: source.get_manifest(name), lease)
        return digest, media_type, data

    async def _member(self, source: Repository, entry: Descriptor, lease: Lease) -> bytes:
        await lease.hold([entry.digest])
        if self._content.has(entry.digest):
            return self._content.read(entry.digest)
        _, data, _ = await self._get(lambda: source.get_manifest(entry.digest), lease)
        return data

    async def _get(
        self, get: Callable[[], tuple[str, bytes, str]], lease: Lease
    ) -> tuple[str, bytes, str]:
        media_type, data, digest = await self._workers.run(get)
        await lease.hold([digest])
        await self._workers.run(lambda: store_document(self._content, digest, data))
        return media_type, data, digest


def store_document(content: ContentStore, digest: str, data: bytes) -> None:
    """Keep a document under its digest, of whatever algorithm. [blocking]"""
    if content.has(digest):
        return
    with content.writer(digest, len(data)) as writer:
        writer.write(data)
        writer.commit()


def choose_entry(index: Index, wanted: Platform | None) -> Descriptor:
    """Return an index's entry for a platform; None: for this host.

    Entries that name no platform come last. Raises NotFoundError in Docker's words.
    """
    platform = wanted or host_platform()
    named = [entry for entry in index.manifests if entry.platform]
    chosen = choose([entry.platform or Platform() for entry in named], platform)
    if chosen is not None:
        return named[chosen]
    unnamed = next((entry for entry in index.manifests if entry.platform is None), None)
    if unnamed is not None:
        return unnamed
    offered = sorted({entry.platform.text for entry in named if entry.platform} - {_NO_PLATFORM})
    raise NotFoundError(
        f"no matching manifest for {platform.text} in the manifest list entries: the image is "
        f"there for {', '.join(offered) or 'no platform at all'}"
    )


_NO_PLATFORM = "unknown/unknown"
"""Marks attestations (BuildKit's attestation-storage.md)."""


def _resolved(manifest: Manifest, digest: str, media_type: str, named_digest: str) -> Resolved:
    kind = media_type or manifests.media_type_of(manifest)
    return Resolved(manifest=manifest, digest=digest, media_type=kind, named_digest=named_digest)


def is_attestation(entry: Descriptor) -> bool:
    """Tell whether an index's entry is about another entry instead of being an image."""
    return bool(entry.platform and entry.platform.text == _NO_PLATFORM)


def is_image(manifest: Manifest) -> bool:
    """Tell whether a manifest's layers are those of a container image."""
    return all(is_layer(layer.media_type) for layer in manifest.layers)


def check_is_image(manifest: Manifest, name: str) -> None:
    """Raise InvalidParameterError for artifacts that are no container images."""
    for layer in manifest.layers:
        if not is_layer(layer.media_type):
            raise InvalidParameterError(
                f'{name} is no container image: unsupported media type "{layer.media_type}" of a '
                "layer; fetch artifacts with the tool that made them"
            )
