"""Namespace modes, host names and addresses, sysctls."""

import _socket

from boxship.cli.container.spec_files import pairs, usage_error
from boxship.cli.errors import CliError
from boxship.cli.flags import Flags

_KERNEL_SYSCTLS = "msgmax msgmnb msgmni sem shmall shmmax shmmni shm_rmid_forced"
_SYSCTLS = frozenset(f"kernel.{name}" for name in _KERNEL_SYSCTLS.split(" "))
_SYSCTL_PREFIXES = ("net.", "fs.mqueue.")


def modes(flags: Flags) -> dict[str, str]:
    """The namespace modes. Raises CliError for one that cannot exist."""
    pid = flags.text("pid")
    if pid not in ("", "host") and not pid.removeprefix("container:") != pid:
        raise CliError("--pid: invalid PID mode", 125)
    for name, word, allowed in (
        ("uts", "UTS", ("", "host")),
        ("userns", "USER", ("", "host")),
        ("cgroupns", "CGROUP", ("", "host", "private")),
    ):
        if flags.text(name) not in allowed:
            raise CliError(f"--{name}: invalid {word} mode", 125)
    return {
        "PidMode": pid,
        "UTSMode": flags.text("uts"),
        "UsernsMode": flags.text("userns"),
        "CgroupnsMode": flags.text("cgroupns"),
        "IpcMode": flags.text("ipc"),
    }


def sysctls(texts: list[str]) -> dict[str, str]:
    """``--sysctl key=value``; only those that belong to a namespace. Raises UsageError."""
    for text in texts:
        name = text.partition("=")[0]
        if name not in _SYSCTLS and not name.startswith(_SYSCTL_PREFIXES):
            raise usage_error(text, "--sysctl", f"sysctl '{text}' is not allowed")
    return pairs(texts)


def is_ip_address(text: str) -> bool:
    """Whether text is an IPv4 or IPv6 address."""
    try:
        _socket.inet_pton(_socket.AF_INET6 if ":" in text else _socket.AF_INET, text)
    except (OSError, ValueError):
        return False
    return True


def ip_addresses(texts: list[str], flag: str) -> list[str]:
    """Addresses as they are. Raises UsageError."""
    for text in texts:
        if not is_ip_address(text):
            raise usage_error(text, flag, f"IP address is not correctly formatted: {text}")
    return texts


def links(texts: list[str]) -> list[str]:
    """``container[:alias]`` as it is. Raises UsageError."""
    for text in texts:
        parts = text.split(":")
        if len(parts) > 2 or not all(parts):
            raise usage_error(text, "--link", f"bad format for links: {text}")
    return texts


def extra_hosts(texts: list[str]) -> list[str]:
    """``host:ip`` or ``host=ip`` as ``host:ip``. Raises UsageError."""
    return [_extra_host(text) for text in texts]


def _extra_host(text: str) -> str:
    name, separator, address = text.partition("=")
    if not separator:
        name, separator, address = text.partition(":")
    if not (name and separator):
        raise usage_error(text, "--add-host", f'bad format for add-host: "{text}"')
    if address.startswith("[") and address.endswith("]"):
        address = address[1:-1]
    if address != "host-gateway" and not is_ip_address(address):
        raise usage_error(text, "--add-host", f'invalid IP address in add-host: "{address}"')
    return f"{name}:{address}"
