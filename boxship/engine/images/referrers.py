"""What registries have been given about an image since: attestations that refer to it.

Sources: the distribution specification 1.1 (referrers, fallback tags), cosign's tag ``….att``.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from boxship.engine.images.attestations import PREDICATE_TYPE, Attestation
from boxship.engine.images.image import Image
from boxship.engine.registry.auth import RegistryAuth
from boxship.engine.registry.client import RegistryClient, Repository
from boxship.engine.registry.errors import RegistryError, UnreachableError
from boxship.errors import BoxshipError
from boxship.oci import intoto
from boxship.oci import manifest as manifests
from boxship.oci.descriptor import Descriptor
from boxship.oci.document import MAX_DOCUMENT_SIZE
from boxship.oci.manifest import Index, Manifest
from boxship.reference import parse_normalized

MAX_REPOSITORIES = 4
MAX_REFERRERS = 64
_KINDS = (PREDICATE_TYPE, "dev.sigstore.bundle.predicateType", "predicateType")
"""Annotations that tell a statement's type, of BuildKit and of cosign."""
_NO_SUCH_LIST = frozenset({400, 404, 405})
_log = logging.getLogger(__name__)


def attached(
    client: RegistryClient,
    image: Image,
    types: Sequence[str],
    *,
    statements: bool,
    auth: RegistryAuth | None = None,
) -> list[Attestation]:
    """Return what the registries of an image attest of it, or of its index. [blocking]

    Registries that cannot be reached, or refuse, or talk nonsense have nothing to say. ``auth``
    goes to its own registry only.
    """
    found: dict[str, Attestation] = {}
    dead: set[str] = set()
    for name in image.repo_digests[:MAX_REPOSITORIES]:
        reference = parse_normalized(name)
        if reference.domain in dead:
            continue
        own = auth if auth is not None and auth.domain == reference.domain else None
        subjects = dict.fromkeys((image.manifest_digest, reference.digest or ""))
        try:
            repository = client.repository(reference, own)
            for subject in filter(None, subjects):
                asked = _Question(repository, tuple(types), statements)
                found |= {one.descriptor.digest: one for one in asked.about(subject)}
        except UnreachableError as error:
            dead.add(reference.domain)
            _log.info("attestations of %s: %s", name, error)
        except (RegistryError, BoxshipError) as error:
            _log.info("attestations of %s: %s", name, error)
    return list(found.values())


@dataclass(frozen=True, slots=True)
class _Question:
    repository: Repository
    types: tuple[str, ...]
    statements: bool

    def about(self, subject: str) -> Iterator[Attestation]:
        """Yield what refers to a manifest and attests something."""
        for manifest in self._manifests(subject):
            for layer in manifest.layers:
                if intoto.carries_statements(layer.media_type):
                    yield from self._read(manifest, layer)

    def _read(self, manifest: Manifest, layer: Descriptor) -> Iterator[Attestation]:
        told = {**manifest.annotations, **layer.annotations}
        kind = next((told[name] for name in _KINDS if told.get(name)), "")
        statement = b""
        if (self.statements or not kind) and layer.size <= MAX_DOCUMENT_SIZE:
            statement = intoto.statement(self.repository.read_document(layer.digest))
        kind = kind or intoto.predicate_type(statement) or layer.media_type
        if not self.types or kind in self.types:
            yield Attestation(layer, kind, statement if self.statements else b"")

    def _manifests(self, subject: str) -> Iterator[Manifest]:
        algorithm, _, encoded = subject.partition(":")
        tag = f"{algorithm[:32]}-{encoded[:64]}"
        listed = self._referrers(subject, tag)
        for entry in listed[:MAX_REFERRERS]:
            document = manifests.decode(self.repository.get_manifest(entry.digest)[1])
            if isinstance(document, Manifest):
                yield document
        cosign = self._tagged(f"{tag}.att")
        if isinstance(cosign, Manifest):
            yield cosign

    def _referrers(self, subject: str, tag: str) -> list[Descriptor]:
        try:
            pages = [
                manifests.decode(page) for page in self.repository.pages(f"referrers/{subject}")
            ]
        except RegistryError as error:
            if error.status not in _NO_SUCH_LIST:
                raise
            kept = self._tagged(tag)
            pages = [kept] if kept is not None else []
        indexes = [page for page in pages if isinstance(page, Index)]
        return [
            entry
            for index in indexes
            for entry in index.manifests
            if intoto.carries_statements(entry.artifact_type)
        ]

    def _tagged(self, tag: str) -> Manifest | Index | None:
        try:
            return manifests.decode(self.repository.get_manifest(tag)[1])
        except RegistryError as error:
            if error.status not in _NO_SUCH_LIST:
                raise
            return None
