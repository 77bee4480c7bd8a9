"""Devices, limits per device, ulimits, GPUs."""

from boxship import units
from boxship.cli.container.spec_files import usage_error
from boxship.cli.container.spec_mounts import split_csv
from boxship.cli.errors import CliError
from boxship.errors import InvalidParameterError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Json = dict[str, Any]

_ULIMIT_NAMES = (
    "as core cpu data fsize locks memlock msgqueue nice nofile nproc rss rtprio rttime "
    "sigpending stack"
)
_ULIMITS = frozenset(_ULIMIT_NAMES.split(" "))


def device(text: str) -> "Json":
    """``/dev/host[:/dev/container][:rwm]``. Raises CliError."""
    parts = text.split(":")
    host, container, permissions = parts[0], parts[0], "rwm"
    if len(parts) > 3:
        raise CliError(f"invalid device specification: {text}", 125)
    if len(parts) == 3:
        container, permissions = parts[1] or host, parts[2]
    elif len(parts) == 2:
        if _is_mode(parts[1]):
            permissions = parts[1]
        else:
            container = parts[1]
    if not _is_mode(permissions):
        raise CliError(f"bad mode specified: {permissions}", 125)
    return {
        "PathOnHost": host,
        "PathInContainer": container,
        "CgroupPermissions": permissions,
    }


def _is_mode(text: str) -> bool:
    return bool(text) and len(set(text)) == len(text) and set(text) <= set("rwm")


def is_cdi_device(text: str) -> bool:
    """Whether a device is named as ``vendor.com/class=name``."""
    kind, equals, name = text.partition("=")
    return bool(equals and name) and not text.startswith("/") and kind.count("/") == 1


def _split_device(text: str, flag: str, shape: str) -> tuple[str, str]:
    path, colon, value = text.partition(":")
    if not colon or not path.startswith("/dev/"):
        reason = f"bad format for device path: {text}" if colon else f"bad format: {text}"
        raise usage_error(text, flag, f"{reason} (expected {shape})")
    return path, value


def weight_device(text: str) -> "Json":
    """``--blkio-weight-device /dev/path:weight``."""
    flag = "--blkio-weight-device"
    path, value = _split_device(text, flag, "<device-path>:<weight>")
    weight = int(value) if value.isdecimal() else -1
    if weight != 0 and not 10 <= weight <= 1000:
        raise usage_error(text, flag, f"invalid weight for device: {text}")
    return {"Path": path, "Weight": weight}


def rate_device(text: str, flag: str, *, in_bytes: bool) -> "Json":
    """``/dev/path:rate``; in_bytes: the rate may have a unit."""
    path, value = _split_device(text, flag, "<device-path>:<number>" + "[<unit>]" * in_bytes)
    try:
        rate = units.parse_bytes(value) if in_bytes else int(value)
    except (InvalidParameterError, ValueError):
        raise usage_error(text, flag, f"invalid rate for device: {text}") from None
    if rate < 0:
        raise usage_error(text, flag, f"invalid rate for device: {text}")
    return {"Path": path, "Rate": rate}


def ulimits(texts: list[str]) -> list["Json"]:
    """The ``--ulimit`` flags, sorted by name; the last one of a name counts."""
    read = {item["Name"]: item for item in map(ulimit, texts)}
    return [read[name] for name in sorted(read)]


def ulimit(text: str) -> "Json":
    """``name=soft[:hard]``."""
    name, equals, limits = text.partition("=")
    if not equals:
        raise usage_error(text, "--ulimit", f"invalid ulimit argument: {text}")
    if name not in _ULIMITS:
        raise usage_error(text, "--ulimit", f"invalid ulimit type: {name}")
    soft_text, colon, hard_text = limits.partition(":")
    try:
        soft = int(soft_text)
        hard = int(hard_text) if colon else soft
    except ValueError:
        raise usage_error(text, "--ulimit", f"invalid ulimit value: {limits}") from None
    if hard != -1 and (soft > hard or soft == -1):
        reason = f"ulimit soft limit must be less than or equal to hard limit: {soft} > {hard}"
        raise usage_error(text, "--ulimit", reason)
    return {"Name": name, "Hard": hard, "Soft": soft}


def gpu_request(text: str) -> "Json":
    """``--gpus all``, a number, or ``device=…,capabilities=…,driver=…,count=…,options=…``."""
    request: Json = {
        "Driver": "",
        "Count": 0,
        "DeviceIDs": None,
        "Capabilities": [],
        "Options": {},
    }
    names: set[str] = set()
    for field in split_csv(text):
        key, equals, value = field.partition("=")
        if not equals:
            key, value = "count", field
        if key in names:
            raise usage_error(text, "--gpus", f"gpu request key '{key}' can be specified only once")
        names.add(key)
        _set_gpu_field(request, key, value, text)
    if "count" not in names and request["DeviceIDs"] is None:
        request["Count"] = 1
    capabilities = request["Capabilities"]
    request["Capabilities"] = [capabilities if "gpu" in capabilities else [*capabilities, "gpu"]]
    return request


def _set_gpu_field(request: "Json", key: str, value: str, text: str) -> None:
    if key == "driver":
        request["Driver"] = value
    elif key == "count":
        if value != "all" and not value.lstrip("-").isdecimal():
            reason = f'invalid count ({value}): value must be either "all" or an integer'
            raise usage_error(text, "--gpus", reason)
        request["Count"] = -1 if value == "all" else int(value)
    elif key == "device":
        request["DeviceIDs"] = value.split(",")
    elif key == "capabilities":
        request["Capabilities"] = value.split(",")
    elif key == "options":
        request["Options"] = dict(item.partition("=")[::2] for item in value.split(","))
    else:
        raise usage_error(text, "--gpus", f"unexpected key '{key}' in '{key}={value}'")
