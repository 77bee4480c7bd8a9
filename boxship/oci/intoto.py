"""Statements of in-toto, plain or in a signed envelope (DSSE), alone or in a Sigstore bundle."""

import base64
import binascii
from typing import Any

from boxship.errors import InvalidParameterError
from boxship.oci import document

STATEMENT = "application/vnd.in-toto+json"
ENVELOPE = "application/vnd.dsse.envelope.v1+json"
_BUNDLE = "application/vnd.dev.sigstore.bundle"


def carries_statements(media_type: str) -> bool:
    """Whether content, or an artifact, of this type holds statements."""
    return media_type in (STATEMENT, ENVELOPE) or media_type.startswith(_BUNDLE)


def statement(data: bytes) -> bytes:
    """Return the statement's JSON out of whichever wrapping; no signature is verified.

    Empty where there is none, as in the bundle of a plain signature. Raises InvalidParameterError
    for what is no JSON object.
    """
    value = _object(data)
    envelope = value.get("dsseEnvelope", value)
    if not isinstance(envelope, dict) or "payload" not in envelope:
        return data if "predicateType" in value else b""
    if envelope.get("payloadType") != STATEMENT:
        return b""
    try:
        found = base64.b64decode(str(envelope["payload"]), validate=True)
    except binascii.Error as error:
        raise InvalidParameterError(f"invalid attestation: its payload: {error}") from None
    _object(found)
    return found


def predicate_type(data: bytes) -> str:
    """Return what kind of thing a statement says, empty if it does not tell."""
    found = _object(data).get("predicateType", "") if data else ""
    return found if isinstance(found, str) else ""


def _object(data: bytes) -> dict[str, Any]:
    value = document.parse(data, "attestation")
    if not isinstance(value, dict):
        raise InvalidParameterError("invalid attestation: not a JSON object")
    return value
