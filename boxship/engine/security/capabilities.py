"""Linux capabilities (capabilities(7)) and Docker's rules for adding and dropping them."""

from collections.abc import Iterable

from boxship.errors import InvalidParameterError

ALL = (
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_DAC_READ_SEARCH",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETPCAP",
    "CAP_LINUX_IMMUTABLE",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_BROADCAST",
    "CAP_NET_ADMIN",
    "CAP_NET_RAW",
    "CAP_IPC_LOCK",
    "CAP_IPC_OWNER",
    "CAP_SYS_MODULE",
    "CAP_SYS_RAWIO",
    "CAP_SYS_CHROOT",
    "CAP_SYS_PTRACE",
    "CAP_SYS_PACCT",
    "CAP_SYS_ADMIN",
    "CAP_SYS_BOOT",
    "CAP_SYS_NICE",
    "CAP_SYS_RESOURCE",
    "CAP_SYS_TIME",
    "CAP_SYS_TTY_CONFIG",
    "CAP_MKNOD",
    "CAP_LEASE",
    "CAP_AUDIT_WRITE",
    "CAP_AUDIT_CONTROL",
    "CAP_SETFCAP",
    "CAP_MAC_OVERRIDE",
    "CAP_MAC_ADMIN",
    "CAP_SYSLOG",
    "CAP_WAKE_ALARM",
    "CAP_BLOCK_SUSPEND",
    "CAP_AUDIT_READ",
    "CAP_PERFMON",
    "CAP_BPF",
    "CAP_CHECKPOINT_RESTORE",
)
"""Every capability; its place is its number."""

DEFAULT = (
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_FSETID",
    "CAP_FOWNER",
    "CAP_MKNOD",
    "CAP_NET_RAW",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETFCAP",
    "CAP_SETPCAP",
    "CAP_NET_BIND_SERVICE",
    "CAP_SYS_CHROOT",
    "CAP_KILL",
    "CAP_AUDIT_WRITE",
)
"""The fourteen that Docker gives to a container."""

_ANY = "ALL"


def normalize(names: Iterable[str]) -> tuple[str, ...]:
    """Return names in the form CAP_NAME, ``ALL`` as it is.

    Raises InvalidParameterError for a name that is no capability.
    """
    result = []
    for name in names:
        upper = name.upper()
        if upper == _ANY or upper == f"CAP_{_ANY}":
            result.append(_ANY)
            continue
        full = upper if upper.startswith("CAP_") else f"CAP_{upper}"
        if full not in ALL:
            raise InvalidParameterError(f'invalid capability: "{name}"')
        result.append(full)
    return tuple(result)


def effective(
    available: Iterable[str],
    add: Iterable[str],
    drop: Iterable[str],
    *,
    privileged: bool = False,
) -> tuple[str, ...]:
    """Return what a container gets, as Docker computes it.

    ``available`` is what the kernel and the engine itself have; ``ALL`` in ``add`` or ``drop``
    stands for all of these. A privileged container gets everything, whatever is dropped.
    """
    usable = tuple(available)
    added, dropped = normalize(add), normalize(drop)
    if privileged:
        return usable
    if _ANY in added:
        wanted = tuple(name for name in usable if name not in dropped)
    elif _ANY in dropped:
        wanted = tuple(name for name in added if name != _ANY)
    else:
        kept = tuple(name for name in DEFAULT if name not in dropped)
        wanted = kept + tuple(name for name in added if name not in kept)
    return tuple(dict.fromkeys(name for name in wanted if name in usable))


def of_mask(mask: int) -> tuple[str, ...]:
    """Return the capabilities whose bits are set (``CapBnd`` of proc_pid_status(5))."""
    return tuple(name for number, name in enumerate(ALL) if mask >> number & 1)


def bounding_set(status: str = "/proc/self/status") -> tuple[str, ...]:
    """Return what this process can pass on at most."""
    with open(status, encoding="ascii", errors="replace") as lines:
        for line in lines:
            if line.startswith("CapBnd:"):
                return of_mask(int(line.split()[1], 16))
    return ()
