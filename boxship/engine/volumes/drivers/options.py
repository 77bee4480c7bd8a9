"""Options of the local driver: what is to be mounted at the volume's directory (mount(8))."""

import ipaddress
import socket
from collections.abc import Mapping
from dataclasses import dataclass

from boxship.errors import InvalidParameterError, NotSupportedError
from boxship.linux import mount

_KNOWN = frozenset({"type", "o", "device", "size"})
_REQUIRES = {"device": ("type",), "type": ("device",), "o": ("device", "type")}
_SET_FLAGS = {
    "ro": mount.MS_RDONLY,
    "nosuid": mount.MS_NOSUID,
    "nodev": mount.MS_NODEV,
    "noexec": mount.MS_NOEXEC,
    "sync": mount.MS_SYNCHRONOUS,
    "dirsync": mount.MS_DIRSYNC,
    "remount": mount.MS_REMOUNT,
    "noatime": mount.MS_NOATIME,
    "nodiratime": mount.MS_NODIRATIME,
    "relatime": mount.MS_RELATIME,
    "strictatime": mount.MS_STRICTATIME,
    "bind": mount.MS_BIND,
    "rbind": mount.MS_BIND | mount.MS_REC,
}
_CLEARED_FLAGS = {
    "rw": mount.MS_RDONLY,
    "suid": mount.MS_NOSUID,
    "dev": mount.MS_NODEV,
    "exec": mount.MS_NOEXEC,
    "async": mount.MS_SYNCHRONOUS,
    "atime": mount.MS_NOATIME,
    "diratime": mount.MS_NODIRATIME,
}
_PROPAGATIONS = {
    "private": mount.MS_PRIVATE,
    "rprivate": mount.MS_PRIVATE | mount.MS_REC,
    "shared": mount.MS_SHARED,
    "rshared": mount.MS_SHARED | mount.MS_REC,
    "slave": mount.MS_SLAVE,
    "rslave": mount.MS_SLAVE | mount.MS_REC,
}
_MEANINGLESS = frozenset({"defaults", "auto", "noauto", "user", "nouser", "_netdev", ""})
_NETWORKED = ("nfs", "nfs4", "cifs", "smb3")


@dataclass(frozen=True, slots=True)
class MountOptions:
    """Arguments for mount(2)."""

    fs_type: str
    device: str
    flags: int
    data: str
    propagation: int = 0
    """To be set on the mount afterwards; 0: as it comes."""


def check_options(options: Mapping[str, str]) -> None:
    """Raise InvalidParameterError, in Docker's words, for options that make no mount."""
    for name in options:
        if name not in _KNOWN:
            raise InvalidParameterError(f'invalid option: "{name}"')
    for name, needed in _REQUIRES.items():
        if name not in options:
            continue
        for other in needed:
            if not options.get(other):
                raise InvalidParameterError(f'missing required option: "{other}"')
    if "size" in options:
        raise NotSupportedError(
            "quota size requested but no quota support: the local driver limits no volumes; use "
            "--opt type=tmpfs --opt device=tmpfs --opt o=size=… for one in memory"
        )


def parse_options(options: Mapping[str, str]) -> MountOptions | None:
    """Return what to mount, None where the volume is a plain directory."""
    if not options.get("device"):
        return None
    flags = propagation = 0
    data = []
    for option in options.get("o", "").split(","):
        if option in _SET_FLAGS:
            flags |= _SET_FLAGS[option]
        elif option in _CLEARED_FLAGS:
            flags &= ~_CLEARED_FLAGS[option]
        elif option in _PROPAGATIONS:
            propagation = _PROPAGATIONS[option]
        elif option not in _MEANINGLESS:
            data.append(option)
    fs_type = options["type"]
    if fs_type == "none":
        fs_type, flags = "", flags | mount.MS_BIND
    return MountOptions(fs_type, options["device"], flags, ",".join(data), propagation)


def resolve_addresses(options: MountOptions) -> MountOptions:
    """Replace a host name in ``addr=`` by its address: the kernel resolves none. [blocking]"""
    if options.fs_type not in _NETWORKED:
        return options
    parts = [
        f"addr={_address(part[5:])}" if part.startswith("addr=") else part
        for part in options.data.split(",")
    ]
    return MountOptions(
        options.fs_type, options.device, options.flags, ",".join(parts), options.propagation
    )


def _address(host: str) -> str:
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        pass
    try:
        return str(socket.getaddrinfo(host, None)[0][4][0])
    except OSError as error:
        raise InvalidParameterError(
            f"error resolving passed in network volume address: lookup {host}: {error.strerror}"
        ) from error
