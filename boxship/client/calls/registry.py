"""Operations on registries, which the engine carries out with the user's credentials.

registry_auth: value of ``X-Registry-Auth`` (base64url of JSON).
"""

from boxship.client.core import Call


def _auth(registry_auth: str) -> dict[str, str]:
    return {"X-Registry-Auth": registry_auth} if registry_auth else {}


def registry_manifest(name: str, *, insecure: bool = False, registry_auth: str = "") -> Call:
    """A manifest or index, byte for byte; header fields tell its type and digest."""
    query = {"name": name, "insecure": insecure or None}
    return Call("GET", "/boxship/registry/manifest", query, headers=_auth(registry_auth))


def registry_document(name: str, *, insecure: bool = False, registry_auth: str = "") -> Call:
    """A small blob by ``name@digest``."""
    query = {"name": name, "insecure": insecure or None}
    return Call("GET", "/boxship/registry/document", query, headers=_auth(registry_auth))


def put_registry_manifest(
    name: str, media_type: str, data: bytes, *, insecure: bool = False, registry_auth: str = ""
) -> Call:
    """Store a manifest or index; answers ``{"Digest"}``."""
    query = {"name": name, "insecure": insecure or None}
    headers = {**_auth(registry_auth), "Content-Type": media_type}
    return Call("PUT", "/boxship/registry/manifest", query, body=data, headers=headers)


def registry_copy(
    source: str,
    target: str,
    *,
    insecure: bool = False,
    source_auth: str = "",
    registry_auth: str = "",
) -> Call:
    """Copy a manifest or index with all it needs; answers ``{"Digest"}``."""
    body = {"Source": source, "Target": target, "SourceAuth": source_auth, "Insecure": insecure}
    return Call("POST", "/boxship/registry/copy", json=body, headers=_auth(registry_auth))
