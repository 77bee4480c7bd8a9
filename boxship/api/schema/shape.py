"""The base of all JSON shapes: how a Python field name becomes Docker's key.

``host_port`` is ``HostPort``; abbreviations that Docker writes in capitals (``IP``, ``ID``,
``DNS`` …) are in a table, and a field that follows no rule names its key itself.
"""

from typing import Annotated, Final

import msgspec

_WORDS: Final = {
    "dns": "DNS",
    "id": "ID",
    "ids": "IDs",
    "io": "IO",
    "ip": "IP",
    "ipam": "IPAM",
    "ips": "IPs",
    "ipv4": "IPv4",
    "ipv6": "IPv6",
    "os": "OS",
    "uts": "UTS",
}

Int64 = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
"""Go's int64; a larger number is refused while decoding."""

StringOrList = list[str] | str | None
"""Docker's ``strslice``: one string stands for a list of one."""


def docker_name(field: str) -> str:
    """Return Docker's key for a field: ``id`` -> ``Id``, ``network_id`` -> ``NetworkID``."""
    if field == "id":
        return "Id"
    return "".join(_WORDS.get(word) or word.capitalize() for word in field.split("_"))


class Shape(msgspec.Struct, rename=docker_name, kw_only=True):
    """A JSON object with Docker's keys; every field of a request has a default."""


class Empty(Shape):
    """Go's ``struct{}``: the value in a map that is a set."""


EMPTY: Final = Empty()


def string_list(value: StringOrList) -> list[str] | None:
    """Read a ``strslice``."""
    return [value] if isinstance(value, str) else value
