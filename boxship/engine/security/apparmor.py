"""The AppArmor profile of containers that name none (apparmor.d(5))."""

import shutil
import subprocess
from pathlib import Path

from boxship.errors import NotSupportedError

DEFAULT_PROFILE = "docker-default"
"""Docker's name: profiles that administrators wrote may refer to it."""
_ENABLED = Path("/sys/module/apparmor/parameters/enabled")
_LOADED = Path("/sys/kernel/security/apparmor/profiles")

_TEXT = """
#include <tunables/global>

profile docker-default flags=(attach_disconnected,mediate_deleted) {
  #include <abstractions/base>

  network,
  capability,
  file,
  umount,

  # The engine and processes of the same profile may send signals and trace.
  signal (receive) peer=unconfined,
  signal (send,receive) peer=docker-default,
  ptrace (trace,read,tracedby,readby) peer=docker-default,

  # Kernel settings stay the host's, but for those of the container's own namespaces.
  deny @{PROC}/* w,
  deny @{PROC}/{[^1-9],[^1-9][^0-9],[^1-9s][^0-9y][^0-9s],[^1-9][^0-9][^0-9][^0-9/]*}/** w,
  deny @{PROC}/sys/[^kn]** w,
  deny @{PROC}/sys/kernel/{?,??,[^s][^h][^m]**} w,
  deny @{PROC}/sysrq-trigger rwklx,
  deny @{PROC}/kcore rwklx,

  deny mount,

  deny /sys/[^f]*/** wklx,
  deny /sys/f[^s]*/** wklx,
  deny /sys/fs/[^c]*/** wklx,
  deny /sys/fs/c[^g]*/** wklx,
  deny /sys/fs/cg[^r]*/** wklx,
  deny /sys/firmware/** rwklx,
  deny /sys/devices/virtual/powercap/** rwklx,
  deny /sys/kernel/security/** rwklx,
}
"""


def is_enabled(enabled: Path = _ENABLED) -> bool:
    """Tell whether the kernel enforces AppArmor profiles."""
    try:
        return enabled.read_text().strip() == "Y"
    except OSError:
        return False


def is_loaded(profile: str, loaded: Path = _LOADED) -> bool:
    """Tell whether the kernel knows a profile."""
    try:
        lines = loaded.read_text().splitlines()
    except OSError:
        return False
    return any(line.rpartition(" (")[0] == profile for line in lines)


def load_default() -> None:
    """Load the default profile unless the kernel has it. Blocking.

    Raises NotSupportedError when apparmor_parser is missing or refuses.
    """
    if is_loaded(DEFAULT_PROFILE):
        return
    parser = shutil.which("apparmor_parser")
    if parser is None:
        raise NotSupportedError(
            "AppArmor is enabled but its default profile for containers is not loaded and"
            " apparmor_parser is not installed: install the package apparmor"
        )
    result = subprocess.run((parser, "-Kr"), input=_TEXT.encode(), capture_output=True, check=False)
    if result.returncode != 0:
        raise NotSupportedError(
            f"apparmor_parser refused the profile {DEFAULT_PROFILE}:"
            f" {result.stderr.decode(errors='replace').strip()}"
        )
