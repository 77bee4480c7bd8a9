"""AppArmor profiles of containers, and the default one (apparmor.d(5))."""

import logging
import shutil
import subprocess
from pathlib import Path

from boxship.errors import InvalidParameterError, NotSupportedError

logger = logging.getLogger(__name__)

DEFAULT_PROFILE = "docker-default"
"""Docker's name: profiles that administrators wrote may refer to it."""
UNCONFINED = "unconfined"
_PARSER = "apparmor_parser"
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


def is_enabled() -> bool:
    """Tell whether the kernel enforces AppArmor profiles."""
    try:
        return _ENABLED.read_text().strip() == "Y"
    except OSError:
        return False


def is_loaded(profile: str) -> bool:
    """Tell whether the kernel knows a profile."""
    try:
        lines = _LOADED.read_text().splitlines()
    except OSError:
        return False
    return any(line.rpartition(" (")[0] == profile for line in lines)


def is_usable() -> bool:
    """Tell whether containers can be confined: profiles are enforced and the default can be had.

    Like Docker, containers run unconfined on a machine that has no apparmor_parser.
    """
    if not is_enabled() or not _LOADED.exists():
        return False
    if is_loaded(DEFAULT_PROFILE) or shutil.which(_PARSER):
        return True
    logger.warning(
        "AppArmor is enabled but %s is missing: containers run without a profile; install the"
        " package apparmor and restart the engine",
        _PARSER,
    )
    return False


def choose(wanted: str, default: str, *, privileged: bool) -> str:
    """Return the profile of a container; empty where there is no AppArmor (no ``default``)."""
    if not default:
        return ""
    return wanted or (UNCONFINED if privileged else default)


def require(profile: str) -> None:
    """Make sure that the kernel knows a profile; the default is loaded when need be. Blocking.

    Others unload it behind our back: ``aa-remove-unknown`` does. Raises InvalidParameterError for
    another profile that is not loaded, NotSupportedError when the default one cannot be.
    """
    if profile == UNCONFINED or is_loaded(profile):
        return
    if profile != DEFAULT_PROFILE:
        raise InvalidParameterError(
            f"AppArmor profile {profile} is not loaded: load it with apparmor_parser -r FILE"
        )
    _load_default()


def _load_default() -> None:
    parser = shutil.which(_PARSER)
    if parser is None:
        raise NotSupportedError(
            f"AppArmor profile {DEFAULT_PROFILE} is not loaded and {_PARSER} is not installed:"
            " install the package apparmor"
        )
    result = subprocess.run((parser, "-Kr"), input=_TEXT.encode(), capture_output=True, check=False)
    if result.returncode != 0:
        raise NotSupportedError(
            f"apparmor_parser refused the profile {DEFAULT_PROFILE}:"
            f" {result.stderr.decode(errors='replace').strip()}"
        )
