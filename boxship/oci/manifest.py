"""Manifests (one image) and indexes (several), OCI and Docker schema 2 alike."""

from typing import Any

import msgspec
from msgspec import Struct, field

from boxship.errors import InvalidParameterError
from boxship.oci import document
from boxship.oci.descriptor import Descriptor
from boxship.oci.media_types import (
    DOCKER_INDEX,
    DOCKER_MANIFEST,
    INDEXES,
    MANIFESTS,
    OCI_INDEX,
    OCI_MANIFEST,
    SCHEMA1,
)

MAX_LAYERS = 1024
MAX_INDEX_ENTRIES = 4096


class Manifest(Struct, frozen=True, omit_defaults=True, rename="camel"):
    """One image: its configuration and its layers, lowest first."""

    config: Descriptor
    schema_version: int = 0
    media_type: str = ""
    artifact_type: str = ""
    layers: list[Descriptor] = field(default_factory=list)
    subject: Descriptor | None = None
    annotations: dict[str, str] = field(default_factory=dict)


class Index(Struct, frozen=True, omit_defaults=True, rename="camel"):
    """Several manifests under one name, mostly one per platform (Docker: manifest list)."""

    schema_version: int = 0
    media_type: str = ""
    artifact_type: str = ""
    manifests: list[Descriptor] = field(default_factory=list)
    subject: Descriptor | None = None
    annotations: dict[str, str] = field(default_factory=dict)


def decode(data: bytes, media_type: str = "") -> Manifest | Index:
    """Read a manifest or index; its members' digests and sizes are plausible afterwards.

    media_type: as the registry declared it; empty: told by the document itself. Raises
    InvalidParameterError, saying what is wrong with the document.
    """
    value = document.parse(data, "manifest")
    if not isinstance(value, dict):
        raise InvalidParameterError("invalid manifest: not a JSON object")
    kind = _kind(value, media_type)
    return _decode_index(value) if kind in INDEXES else _decode_manifest(value)


def _kind(value: dict[str, Any], declared: str) -> str:
    """Settle the type; one that can be read in two ways is refused (CVE-2021-41190)."""
    own = value.get("mediaType", "")
    kind = declared or own or (OCI_INDEX if "manifests" in value else OCI_MANIFEST)
    if kind in SCHEMA1 or value.get("schemaVersion") == 1:
        raise InvalidParameterError(
            "unsupported manifest: Docker Image Format v1 and Docker Image manifest version 2, "
            "schema 1 are too old; push the image again with a newer client"
        )
    if kind not in INDEXES | MANIFESTS:
        raise InvalidParameterError(f'unsupported manifest media type "{kind}"')
    if own and own != kind:
        raise InvalidParameterError(
            f'invalid manifest: it calls itself "{own}" but was served as "{kind}"'
        )
    foreign = {"config", "layers"} if kind in INDEXES else {"manifests"}
    if foreign & value.keys():
        raise InvalidParameterError("invalid manifest: both a manifest and an index")
    return kind


def _check_version(version: int) -> None:
    if version != 2:
        raise InvalidParameterError(f"invalid manifest: schema version {version}, not 2")


def _decode_manifest(value: dict[str, Any]) -> Manifest:
    manifest = document.convert(value, Manifest, "manifest")
    _check_version(manifest.schema_version)
    if len(manifest.layers) > MAX_LAYERS:
        raise InvalidParameterError(f"invalid manifest: more than {MAX_LAYERS} layers")
    manifest.config.check("manifest: config")
    for layer in manifest.layers:
        layer.check("manifest: layer")
    return manifest


def _decode_index(value: dict[str, Any]) -> Index:
    index = document.convert(value, Index, "index")
    _check_version(index.schema_version)
    if len(index.manifests) > MAX_INDEX_ENTRIES:
        raise InvalidParameterError(f"invalid index: more than {MAX_INDEX_ENTRIES} entries")
    for entry in index.manifests:
        entry.check("index entry")
    return index


def encode(document_: Manifest | Index) -> bytes:
    """Write a document; the same value always gives the same bytes, hence the same digest."""
    value = msgspec.to_builtins(document_)
    value.setdefault("manifests" if isinstance(document_, Index) else "layers", [])
    return msgspec.json.encode(value)


def media_type_of(document_: Manifest | Index) -> str:
    """Return the media type of a document, also of one that does not say."""
    if document_.media_type:
        return document_.media_type
    return OCI_INDEX if isinstance(document_, Index) else OCI_MANIFEST


def is_docker(media_type: str) -> bool:
    """Tell whether a manifest or index is of Docker's own kind."""
    return media_type in (DOCKER_MANIFEST, DOCKER_INDEX)
