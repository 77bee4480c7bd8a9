"""Kernel parameters under /proc/sys (sysctl(8)).

Those of ``net/`` belong to the network namespace of the thread that reads or writes them.
"""

from pathlib import Path

_ROOT = Path("/proc/sys")


def read_sysctl(name: str) -> str:
    """Return a parameter by its path, ``net/ipv4/ip_forward``; empty when the kernel lacks it."""
    try:
        return (_ROOT / name).read_text().strip()
    except OSError:
        return ""


def write_sysctl(name: str, value: str) -> None:
    """Set a parameter. Raises OSError when it does not exist or may not be written."""
    (_ROOT / name).write_text(value)
