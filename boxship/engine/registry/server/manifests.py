"""Reading manifests of any kind: what they are made of and what they are about.

A registry keeps a manifest as it came, and takes any document that is a JSON object: an image, an
index, a signature, a model, and kinds that are not invented yet. It only looks for descriptors in
the members that the image specification names.
"""

import hashlib
from typing import Any, Final

from boxship.engine.registry.server.faults import ManifestInvalidError
from boxship.engine.registry.server.records import ManifestRecord
from boxship.errors import InvalidParameterError
from boxship.oci import document
from boxship.oci.media_types import (
    DOCKER_INDEX,
    DOCKER_MANIFEST,
    OCI_INDEX,
    OCI_MANIFEST,
    SCHEMA1,
    is_foreign_layer,
)
from boxship.reference import is_digest

_LISTS: Final = ("layers", "blobs", "manifests")
_MAX_MEMBERS: Final = 16384


def read_manifest(data: bytes, media_type: str, digest: str) -> ManifestRecord:
    """Read a manifest that was sent as ``media_type`` (may be empty).

    Raises ManifestInvalidError, saying what is wrong with it.
    """
    value = _parse(data)
    kind = _kind(value, media_type)
    _check_shape(value, kind)
    config = _descriptor(value, "config")
    return ManifestRecord(
        digest,
        kind,
        len(data),
        _text(value, "artifactType") or (_text(config, "mediaType") if config else ""),
        _text(_descriptor(value, "subject"), "digest"),
        _annotations(value),
        _members(value, config),
    )


def digest_of(data: bytes, algorithm: str) -> str:
    """Return ``<algorithm>:<hex>`` of data."""
    return f"{algorithm}:{hashlib.new(algorithm, data).hexdigest()}"


def _parse(data: bytes) -> dict[str, Any]:
    try:
        value = document.parse(data, "manifest")
    except InvalidParameterError as error:
        raise ManifestInvalidError(error.message) from None
    if not isinstance(value, dict):
        raise ManifestInvalidError("invalid manifest: not a JSON object")
    return value


def _kind(value: dict[str, Any], sent_as: str) -> str:
    own = _text(value, "mediaType")
    kind = sent_as or own or (OCI_INDEX if "manifests" in value else OCI_MANIFEST)
    if kind in SCHEMA1 or value.get("schemaVersion") == 1:
        raise ManifestInvalidError(
            "invalid manifest: schema 1 is too old; push the image again with a newer client"
        )
    if own and own != kind:
        raise ManifestInvalidError(
            f'invalid manifest: it calls itself "{own}" but was sent as "{kind}"'
        )
    return kind


def _check_shape(value: dict[str, Any], kind: str) -> None:
    """Refuse what can be read in two ways (CVE-2021-41190), and members that are missing."""
    if kind in (OCI_INDEX, DOCKER_INDEX):
        needed, foreign = "manifests", {"config", "layers"}
    elif kind in (OCI_MANIFEST, DOCKER_MANIFEST):
        needed, foreign = "config", {"manifests"}
    else:
        return
    if value.get("schemaVersion") != 2:
        raise ManifestInvalidError("invalid manifest: its schemaVersion is not 2")
    if needed not in value:
        raise ManifestInvalidError(f'invalid manifest: "{needed}" is missing')
    if foreign & value.keys():
        raise ManifestInvalidError("invalid manifest: both a manifest and an index")


def _members(value: dict[str, Any], config: dict[str, Any]) -> tuple[str, ...]:
    """Return the digests of what has to be here; layers that live elsewhere need not."""
    found = [config] if config else []
    for name in _LISTS:
        items = value.get(name, [])
        if not isinstance(items, list):
            raise ManifestInvalidError(f'invalid manifest: "{name}" is not a list')
        found += [_checked(item, name) for item in items]
    if len(found) > _MAX_MEMBERS:
        raise ManifestInvalidError(f"invalid manifest: more than {_MAX_MEMBERS} descriptors")
    here = (item for item in found if not _is_elsewhere(item))
    return tuple(dict.fromkeys(item["digest"] for item in here))


def _is_elsewhere(descriptor: dict[str, Any]) -> bool:
    return bool(descriptor.get("urls")) or is_foreign_layer(_text(descriptor, "mediaType"))


def _descriptor(value: dict[str, Any], name: str) -> dict[str, Any]:
    return _checked(value[name], name) if name in value else {}


def _checked(item: object, name: str) -> dict[str, Any]:
    if not isinstance(item, dict):
        raise ManifestInvalidError(f'invalid manifest: "{name}" is no descriptor')
    digest, size = item.get("digest"), item.get("size")
    if not isinstance(digest, str) or not is_digest(digest):
        raise ManifestInvalidError(f'invalid manifest: "{name}" has a bad digest {digest!r:.90}')
    if not isinstance(size, int) or isinstance(size, bool) or size < 0:
        raise ManifestInvalidError(
            f'invalid manifest: "{name}" has an impossible size {size!r:.40}'
        )
    return item


def _annotations(value: dict[str, Any]) -> dict[str, str]:
    found = value.get("annotations", {})
    if not isinstance(found, dict) or not all(isinstance(item, str) for item in found.values()):
        raise ManifestInvalidError('invalid manifest: "annotations" must map text to text')
    return found


def _text(value: dict[str, Any], name: str) -> str:
    found = value.get(name, "")
    if not isinstance(found, str):
        raise ManifestInvalidError(f'invalid manifest: "{name}" is not a text')
    return found
