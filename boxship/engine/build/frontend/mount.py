"""``RUN --mount`` and ``RUN --device``: comma-separated fields.

Sources of behaviour: the Dockerfile reference ("RUN --mount"), BuildKit's
``instructions/commands_runmount.go``. What a secret, an ssh agent or a cache is made of is not
known here; the fields say only what the instruction asks for.
"""

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from boxship.engine.build.frontend.flags import FlagError
from boxship.engine.build.frontend.instruction import Device
from boxship.engine.build.frontend.suggest import nearest
from boxship.errors import InvalidParameterError
from boxship.gotemplate.format import quote
from boxship.units import parse_bytes

TYPES = ("bind", "cache", "tmpfs", "secret", "ssh")
SHARING = ("shared", "private", "locked")
MAX_UINT32 = (1 << 32) - 1

Expand = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Mount:
    """One mount of a RUN; None means that nothing was said."""

    type: str = "bind"
    from_: str = ""
    source: str = ""
    target: str = ""
    read_only: bool = True
    size: int = 0
    """Bytes, of a tmpfs; 0: no limit."""
    id: str = ""
    sharing: str = ""
    """Of a cache: shared, private, locked; empty: shared."""
    required: bool = False
    env: str | None = None
    """Of a secret: the variable that holds it."""
    mode: int | None = None
    uid: int | None = None
    gid: int | None = None


class _Draft:
    """A mount while its fields are read."""

    def __init__(self) -> None:
        self.mount = Mount()
        self.read_only: bool | None = None

    @property
    def type(self) -> str:
        return self.mount.type

    def set(self, **values: Any) -> None:
        self.mount = replace(self.mount, **values)


def split_fields(text: str, what: str) -> list[str]:
    """Read one line of comma-separated values. Raises FlagError."""
    try:
        rows = list(csv.reader([text], strict=True))
    except csv.Error as error:
        raise FlagError(f"failed to parse csv {what}: {error}", text) from None
    return rows[0] if rows else []


def _keys(text: str) -> Iterator[tuple[str, str, str | None]]:
    """For each field: the field, its key in lower case, its value (None without ``=``)."""
    for item in split_fields(text, "mounts"):
        key, equals, value = item.partition("=")
        yield item, key.lower(), value if equals else None


def mount_source(text: str) -> str:
    """The stage, context or image of ``from=``; empty without one.

    Raises FlagError when a variable is in it: which stages a stage needs has to be known first.
    """
    found = ""
    for _, key, value in _keys(text):
        if key == "from" and value is not None:
            if "$" in value[:-1]:
                raise FlagError(
                    "'from' doesn't support variable expansion, define alias stage instead", value
                )
            found = value
    return found


def parse_mount(text: str, expand: Expand) -> Mount:
    """Read a mount's fields, with variables replaced. Raises FlagError in BuildKit's words."""
    draft = _Draft()
    for item, key, value in _keys(text):
        if value is None:
            _bare(draft, key, item)
        else:
            _field(draft, key, expand(value), item)
    return _finished(draft)


def _bare(draft: _Draft, key: str, item: str) -> None:
    if key in ("readonly", "ro", "readwrite", "rw"):
        draft.read_only = key in ("readonly", "ro")
    elif key == "required":
        _allow(draft, key, "secret", "ssh")
        draft.set(required=True)
    else:
        raise FlagError(f"invalid field '{item}' must be a key=value pair", item)


def _allow(draft: _Draft, key: str, *types: str) -> None:
    if draft.type not in types:
        raise FlagError(f"unexpected key '{key}' for mount type '{draft.type}'", key)


def _field(draft: _Draft, key: str, value: str, item: str) -> None:
    reader = _READERS.get(key)
    if reader is None:
        raise FlagError(f"unexpected key '{key}' in '{item}'", item, nearest(key, _READERS))
    reader(draft, key, value)


def _type(draft: _Draft, _key: str, value: str) -> None:
    if value.lower() not in TYPES:
        raise FlagError(f"unsupported mount type {quote(value)}", value, nearest(value, TYPES))
    draft.set(type=value.lower())


def _read_only(draft: _Draft, key: str, value: str) -> None:
    draft.read_only = _boolean(key, value)


def _read_write(draft: _Draft, key: str, value: str) -> None:
    draft.read_only = not _boolean(key, value)


def _required(draft: _Draft, key: str, value: str) -> None:
    _allow(draft, key, "secret", "ssh")
    draft.set(required=_boolean(key, value))


def _size(draft: _Draft, key: str, value: str) -> None:
    _allow(draft, key, "tmpfs")
    try:
        draft.set(size=parse_bytes(value))
    except InvalidParameterError:
        raise FlagError(f"invalid value for {key}: {value}", value) from None


def _sharing(draft: _Draft, _key: str, value: str) -> None:
    if value.lower() not in SHARING:
        raise FlagError(f"unsupported sharing value {quote(value)}", value, nearest(value, SHARING))
    draft.set(sharing=value.lower())


def _number(draft: _Draft, key: str, value: str) -> None:
    digits = "01234567" if key == "mode" else "0123456789"
    number = int(value, len(digits)) if value and not set(value) - set(digits) else None
    if number is None or len(value) > 11 or number > MAX_UINT32:
        raise FlagError(f"invalid value {value} for {key}", value)
    draft.set(**{key: number})


def _text(name: str) -> Callable[[_Draft, str, str], None]:
    def read(draft: _Draft, _key: str, value: str) -> None:
        draft.set(**{name: value})

    return read


_READERS: dict[str, Callable[[_Draft, str, str], None]] = {
    "type": _type,
    "from": _text("from_"),
    "source": _text("source"),
    "src": _text("source"),
    "target": _text("target"),
    "dst": _text("target"),
    "destination": _text("target"),
    "readonly": _read_only,
    "ro": _read_only,
    "readwrite": _read_write,
    "rw": _read_write,
    "required": _required,
    "size": _size,
    "id": _text("id"),
    "sharing": _sharing,
    "mode": _number,
    "uid": _number,
    "gid": _number,
    "env": _text("env"),
}


def _boolean(key: str, value: str) -> bool:
    found = parse_go_bool(value)
    if found is None:
        raise FlagError(f"invalid value for {key}: {value}", value)
    return found


def parse_go_bool(value: str) -> bool | None:
    """Read a truth value as Go's ``strconv.ParseBool``; None for another text."""
    if value in ("1", "t", "T", "TRUE", "true", "True"):
        return True
    return False if value in ("0", "f", "F", "FALSE", "false", "False") else None


def _finished(draft: _Draft) -> Mount:
    mount = draft.mount
    if mount.type not in ("secret", "ssh", "cache"):
        for key, value in (("mode", mount.mode), ("uid", mount.uid), ("gid", mount.gid)):
            if value is not None:
                raise FlagError(f"{key} not allowed for {quote(mount.type)} type mounts", key)
    if mount.type == "secret":
        _check_secret(mount)
    if mount.sharing and mount.type != "cache":
        raise FlagError(f"invalid cache sharing set for {mount.type} mount", "sharing")
    if draft.read_only is None:
        return replace(mount, read_only=mount.type not in ("cache", "tmpfs"))
    return replace(mount, read_only=draft.read_only)


def _check_secret(mount: Mount) -> None:
    if mount.from_:
        raise FlagError("secret mount should not have a from", "from")
    if mount.sharing:
        raise FlagError("secret mount should not define sharing", "sharing")
    if not (mount.source or mount.target or mount.id):
        raise FlagError("invalid secret mount. one of source, target required", "type")
    if mount.source and mount.id:
        raise FlagError("both source and id can't be set", "id")


def parse_device(text: str) -> Device:
    """Read ``--device``. Raises FlagError in BuildKit's words."""
    name, required = "", False
    for item in split_fields(text, "devices"):
        key, equals, value = item.partition("=")
        key = key.lower()
        if key == "required":
            required = _boolean(key, value) if equals else True
        elif key == "name" and equals:
            if name:
                raise FlagError(f"device name already set to {name}", item)
            name = value
        elif not name:
            name = item
        elif equals:
            suggestion = nearest(key, ("name", "required"))
            raise FlagError(f"unexpected key '{key}' in '{item}'", item, suggestion)
        else:
            raise FlagError(f"invalid field '{item}' must be a key=value pair", item)
    return Device(name, required)
