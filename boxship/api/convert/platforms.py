"""Platforms in queries: a JSON object, or the words ``os/architecture/variant`` of old clients."""

import msgspec

from boxship.errors import InvalidParameterError
from boxship.oci.platform import Platform


def platform_name(text: str) -> str:
    """Return a query's platform as ``os[(version)]/architecture[/variant]``; empty for none.

    Raises InvalidParameterError.
    """
    if not text.startswith("{"):
        return text
    try:
        return msgspec.json.decode(text, type=Platform).full_text
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidParameterError(f"invalid platform: {error}") from None
