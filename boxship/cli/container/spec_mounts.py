"""``--volume``, ``--mount``, ``--tmpfs``: what is mounted into the container."""

import os

from boxship import units
from boxship.cli.container.spec_files import usage_error
from boxship.cli.errors import CliError
from boxship.cli.flags import read_bool
from boxship.errors import InvalidParameterError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Mount = dict[str, Any]

_PROPAGATIONS = frozenset(("rprivate", "private", "rshared", "shared", "rslave", "slave"))


class VolumeSpec:
    """The ``--volume`` flags: ``Volumes`` (anonymous ones) and ``Binds``."""

    __slots__ = ("anonymous", "binds")

    def __init__(self, texts: list[str]) -> None:
        self.anonymous: dict[str, dict[str, str]] = {}
        self.binds: list[str] = []
        for text in texts:
            self._add(text)

    def _add(self, text: str) -> None:
        parts = text.split(":")
        if not text:
            raise CliError("invalid empty volume spec", 125)
        if len(parts) > 3:
            raise CliError(f"invalid spec: {text}: too many colons", 125)
        if not all(parts[:2]):
            raise CliError(f"invalid spec: {text}: empty section between colons", 125)
        if len(parts) == 1:
            self.anonymous[text] = {}
            return
        self.binds.append(":".join([_source(parts[0]), *parts[1:]]))


def _source(text: str) -> str:
    """Relative paths are the client's to resolve; anything else that is no path is a name."""
    if text.startswith("."):
        return os.path.abspath(text)
    return os.path.expanduser(text) if text.startswith("~") else text


def tmpfs(texts: list[str]) -> dict[str, str]:
    """``--tmpfs PATH[:options]`` as a table."""
    return {path: options for path, _, options in (text.partition(":") for text in texts)}


def split_csv(text: str) -> list[str]:
    """One line of comma separated values; double quotes protect commas (RFC 4180)."""
    fields, field, quoted = [], "", False
    for char in text:
        if char == '"':
            quoted = not quoted
        elif char == "," and not quoted:
            fields.append(field)
            field = ""
        else:
            field += char
    return [*fields, field]


def mount(text: str) -> "Mount":
    """Read one ``--mount`` value as the API's Mount. Raises UsageError."""
    result: Mount = {"Type": "volume"}
    try:
        for field in split_csv(text):
            key, equals, value = field.partition("=")
            _set(result, key.strip().lower(), value, field if not equals else "")
        _check(result)
    except (InvalidParameterError, CliError) as error:
        raise usage_error(text, "--mount", str(error)) from None
    return result


def _set(result: "Mount", key: str, value: str, bare: str) -> None:
    """bare: the whole field when it has no ``=``."""
    if bare:
        if key not in _SWITCHES:
            raise InvalidParameterError(f"invalid field '{bare}' must be a key=value pair")
        value = "true"
    setter = _SETTERS.get(key)
    if setter is None:
        raise InvalidParameterError(f"unexpected key '{key}' in '{key}={value}'")
    path, reader = setter
    try:
        read = reader(value)
    except InvalidParameterError:
        raise InvalidParameterError(f"invalid value for {key}: {value}") from None
    *groups, name = path.split(".")
    target = result
    for group in groups:
        target = target.setdefault(group, {})
    if isinstance(read, dict):
        target.setdefault(name, {}).update(read)
    else:
        target[name] = read


def _bind_source(text: str) -> str:
    return os.path.abspath(text) if text.startswith((".", "~")) else text


def _pair(text: str) -> dict[str, str]:
    key, _, value = text.partition("=")
    return {key: value}


def _octal(text: str) -> int:
    try:
        return int(text, 8)
    except ValueError:
        raise InvalidParameterError(text) from None


def _propagation(text: str) -> str:
    if text.lower() not in _PROPAGATIONS:
        raise InvalidParameterError(text)
    return text.lower()


def _recursive(text: str) -> dict[str, bool]:
    options = {
        "enabled": {},
        "disabled": {"NonRecursive": True},
        "writable": {"ReadOnlyNonRecursive": True},
        "readonly": {"ReadOnlyForceRecursive": True},
    }
    if text not in options:
        raise InvalidParameterError(text)
    return options[text]


_SETTERS: "dict[str, tuple[str, Any]]" = {
    "type": ("Type", str.lower),
    "source": ("Source", _bind_source),
    "src": ("Source", _bind_source),
    "target": ("Target", str),
    "dst": ("Target", str),
    "destination": ("Target", str),
    "readonly": ("ReadOnly", read_bool),
    "ro": ("ReadOnly", read_bool),
    "consistency": ("Consistency", str.lower),
    "bind-propagation": ("BindOptions.Propagation", _propagation),
    "bind-nonrecursive": ("BindOptions.NonRecursive", read_bool),
    "bind-recursive": ("BindOptions", _recursive),
    "bind-create-src": ("BindOptions.CreateMountpoint", read_bool),
    "volume-subpath": ("VolumeOptions.Subpath", str),
    "volume-nocopy": ("VolumeOptions.NoCopy", read_bool),
    "volume-label": ("VolumeOptions.Labels", _pair),
    "volume-driver": ("VolumeOptions.DriverConfig.Name", str),
    "volume-opt": ("VolumeOptions.DriverConfig.Options", _pair),
    "image-subpath": ("ImageOptions.Subpath", str),
    "tmpfs-size": ("TmpfsOptions.SizeBytes", units.parse_bytes),
    "tmpfs-mode": ("TmpfsOptions.Mode", _octal),
    "tmpfs-options": ("TmpfsOptions.Options", lambda text: [text.split("=", 1)]),
}
_SWITCHES = frozenset(("readonly", "ro", "volume-nocopy", "bind-nonrecursive", "bind-create-src"))
_OWNERS = {
    "BindOptions": "bind",
    "VolumeOptions": "volume",
    "ImageOptions": "image",
    "TmpfsOptions": "tmpfs",
}


def _check(result: "Mount") -> None:
    kind = result["Type"]
    if not kind:
        raise InvalidParameterError("type is required")
    if not result.get("Target"):
        raise InvalidParameterError("target is required")
    for group, owner in _OWNERS.items():
        if group in result and kind != owner:
            prefix = "tmpfs" if owner == "tmpfs" else owner
            raise InvalidParameterError(f"cannot mix '{prefix}-*' options with mount type '{kind}'")
    _check_recursion(result)


def _check_recursion(result: "Mount") -> None:
    """How far read-only reaches makes sense only for what is read-only."""
    options = result.get("BindOptions", {})
    for key, word in (("ReadOnlyNonRecursive", "writable"), ("ReadOnlyForceRecursive", "readonly")):
        if options.get(key) and not result.get("ReadOnly"):
            raise InvalidParameterError(
                f"option 'bind-recursive={word}' requires 'readonly' to be specified in conjunction"
            )
    if options.get("ReadOnlyForceRecursive") and options.get("Propagation", "") != "rprivate":
        raise InvalidParameterError(
            "option 'bind-recursive=readonly' requires 'bind-propagation=rprivate' to be specified "
            "in conjunction"
        )
