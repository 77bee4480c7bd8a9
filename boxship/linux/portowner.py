"""Who holds a port: from /proc/net to the process with the socket (proc_net(5), proc_pid_fd(5))."""

import os
from pathlib import Path


def find_port_owner(protocol: str, port: int) -> tuple[int, str] | None:
    """Return process id and name of a process that is bound to a local port.

    ``protocol`` is ``tcp`` or ``udp``; IPv4 and IPv6 are searched. None when nobody is found, as
    for sockets of the kernel itself.
    """
    inodes = set(_bound_sockets(protocol, port))
    if not inodes:
        return None
    wanted = {f"socket:[{inode}]" for inode in inodes}
    for directory in Path("/proc").iterdir():
        if directory.name.isdecimal() and _has_descriptor(directory, wanted):
            return int(directory.name), _name(directory)
    return None


def _bound_sockets(protocol: str, port: int) -> list[str]:
    inodes = []
    for table in (protocol, f"{protocol}6"):
        try:
            lines = Path(f"/proc/net/{table}").read_text().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            if int(fields[1].rpartition(":")[2], 16) == port and fields[9] != "0":
                inodes.append(fields[9])
    return inodes


def _has_descriptor(directory: Path, wanted: set[str]) -> bool:
    try:
        with os.scandir(directory / "fd") as descriptors:
            return any(os.readlink(entry.path) in wanted for entry in descriptors)
    except OSError:
        # It has ended, or hides from us.
        return False


def _name(directory: Path) -> str:
    try:
        return (directory / "comm").read_text().strip()
    except OSError:
        return ""
