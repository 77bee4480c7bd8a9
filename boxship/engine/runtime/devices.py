"""Device nodes of a container and the rules of its device cgroup."""

import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from boxship.engine.runtime.workload import Device
from boxship.errors import InvalidParameterError
from boxship.units import natural

_SKIPPED_DIRECTORIES = ("pts", "shm", "fd", "mqueue", ".lxc", ".lxd-mounts", ".udev")
_SKIPPED_FILES = ("console",)

DENY_ALL: dict[str, Any] = {"allow": False, "access": "rwm"}
ALLOW_ALL: dict[str, Any] = {"allow": True, "access": "rwm"}


def _allow_character(major: int, minor: int) -> dict[str, Any]:
    return {"allow": True, "type": "c", "major": major, "minor": minor, "access": "rwm"}


DEFAULT_RULES: tuple[dict[str, Any], ...] = (
    DENY_ALL,
    {"allow": True, "type": "c", "access": "m"},
    {"allow": True, "type": "b", "access": "m"},
    _allow_character(1, 3),  # null
    _allow_character(1, 5),  # zero
    _allow_character(1, 7),  # full
    _allow_character(1, 8),  # random
    _allow_character(1, 9),  # urandom
    _allow_character(5, 0),  # tty
    _allow_character(5, 1),  # console
    _allow_character(5, 2),  # ptmx
    {"allow": True, "type": "c", "major": 136, "access": "rwm"},  # pts
)
"""What any container may do, as runc has it: make any node, use only the harmless ones."""


def of_host(directory: str = "/dev") -> Iterator[dict[str, Any]]:
    """Yield all device nodes of the machine, for a privileged container."""
    for entry in os.scandir(directory):
        if entry.is_symlink():
            continue
        if entry.is_dir():
            if entry.name not in _SKIPPED_DIRECTORIES:
                yield from of_host(entry.path)
        elif entry.name not in _SKIPPED_FILES:
            node = _node(entry.path, entry.path)
            if node is not None:
                yield node


def nodes(devices: Sequence[Device]) -> Iterator[tuple[dict[str, Any], str]]:
    """Yield (device node, permissions) for devices that were asked for, directories expanded.

    Raises InvalidParameterError in Docker's words when a path is no device.
    """
    for device in devices:
        path = os.path.realpath(device.host_path)
        if os.path.isdir(path):
            yield from _nodes_below(path, device)
            continue
        node = _node(path, device.container_path or device.host_path)
        if node is None:
            raise _not_a_device(device.host_path)
        yield node, device.permissions


def _nodes_below(path: str, device: Device) -> Iterator[tuple[dict[str, Any], str]]:
    found = False
    for directory, _, names in os.walk(path):
        for name in sorted(names):
            host = Path(directory, name)
            inside = Path(device.container_path, host.relative_to(path))
            node = _node(str(host), str(inside))
            if node is not None:
                found = True
                yield node, device.permissions
    if not found:
        raise _not_a_device(device.host_path)


def _node(host_path: str, container_path: str) -> dict[str, Any] | None:
    try:
        status = os.stat(host_path, follow_symlinks=False)
    except FileNotFoundError:
        return None
    kind = {stat.S_IFCHR: "c", stat.S_IFBLK: "b"}.get(stat.S_IFMT(status.st_mode))
    if kind is None:
        return None
    return {
        "type": kind,
        "path": container_path,
        "major": os.major(status.st_rdev),
        "minor": os.minor(status.st_rdev),
        "fileMode": stat.S_IMODE(status.st_mode),
        "uid": status.st_uid,
        "gid": status.st_gid,
    }


def _not_a_device(path: str) -> InvalidParameterError:
    if not os.path.exists(path):
        return InvalidParameterError(
            f'error gathering device information while adding custom device "{path}":'
            " no such file or directory"
        )
    return InvalidParameterError(
        f'error gathering device information while adding custom device "{path}": not a device node'
    )


def rule_of(node: dict[str, Any], permissions: str) -> dict[str, Any]:
    """Return the cgroup rule that lets a container use one node."""
    return {
        "allow": True,
        "type": node["type"],
        "major": node["major"],
        "minor": node["minor"],
        "access": permissions,
    }


def parse_rule(text: str) -> dict[str, Any]:
    """Decode a rule in the kernel's form ``c 1:3 rwm``, ``a *:* rwm`` (--device-cgroup-rule)."""
    parts = text.split()
    if len(parts) != 3 or parts[0] not in ("a", "b", "c") or not set("rwm").issuperset(parts[2]):
        raise InvalidParameterError(f"invalid device cgroup rule format: '{text}'")
    major, separator, minor = parts[1].partition(":")
    if not separator:
        raise InvalidParameterError(f"invalid device cgroup rule format: '{text}'")
    rule: dict[str, Any] = {"allow": True, "type": parts[0], "access": parts[2]}
    for key, number in (("major", major), ("minor", minor)):
        if (value := natural(number)) is not None:
            rule[key] = value
        elif number != "*":
            raise InvalidParameterError(f"invalid device cgroup rule format: '{text}'")
    return rule
