"""What makes a tree the same whenever it is made: no logs, no caches, no machine's own marks."""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from boxship.engine.images.bootstrap.busybox import ACCOUNTS
from boxship.engine.images.bootstrap.sources import Source
from boxship.engine.storage.layers.walk import walk
from boxship.errors import InvalidParameterError

_REMOVED = (
    "etc/.pwd.lock",
    "etc/group-",
    "etc/gshadow-",
    "etc/hostname",
    "etc/mtab",
    "etc/passwd-",
    "etc/resolv.conf",
    "etc/shadow-",
    "etc/subgid-",
    "etc/subuid-",
    "var/cache/apt/pkgcache.bin",
    "var/cache/apt/srcpkgcache.bin",
    "var/cache/debconf/config.dat-old",
    "var/cache/debconf/passwords.dat-old",
    "var/cache/debconf/templates.dat-old",
    "var/cache/ldconfig/aux-cache",
    "var/lib/dbus/machine-id",
    "var/lib/dpkg/available-old",
    "var/lib/dpkg/diversions-old",
    "var/lib/dpkg/lock",
    "var/lib/dpkg/lock-frontend",
    "var/lib/dpkg/statoverride-old",
    "var/lib/dpkg/status-old",
    "var/lib/dpkg/triggers/Lock",
    "var/lib/systemd/random-seed",
)
_EMPTIED = ("dev", "proc", "run", "sys", "tmp", "var/cache/apt/archives", "var/lib/apt/lists")
_LOGS = "var/log"
_CLEAN_APT = """\
// Nothing that can be fetched again stays in a layer.
APT::Keep-Downloaded-Packages "false";
Acquire::Languages "none";
Acquire::GzipIndexes "true";
DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb /var/cache/apt/*.bin || true"; };
"""
_DAY = 86400


def place_in(root: Path, name: str) -> Path:
    """Return where a file of the tree lies. Raises InvalidParameterError behind a link.

    What packages bring is not to be trusted with a way out of the tree.
    """
    parts = name.split("/")
    for count in range(1, len(parts)):
        parent = root.joinpath(*parts[:count])
        if parent.is_symlink():
            raise InvalidParameterError(
                f"the packages make /{'/'.join(parts[:count])} a link: no base image has that"
            )
    return root.joinpath(*parts)


def complete(root: Path) -> None:
    """Add what packages' scripts would have made, where they could not run. [blocking]"""
    place_in(root, "etc").mkdir(exist_ok=True)
    masters = place_in(root, "usr/share/base-passwd")
    for name, text in ACCOUNTS.items():
        target = place_in(root, name)
        master = masters / f"{target.name}.master"
        if not os.path.lexists(target):
            target.write_text(_accounts(master) if master.exists() else text)
            target.chmod(0o640 if target.name == "shadow" else 0o644)
    switch = place_in(root, "usr/share/base-files/nsswitch.conf")
    if switch.exists() and not os.path.lexists(place_in(root, "etc/nsswitch.conf")):
        shutil.copyfile(switch, place_in(root, "etc/nsswitch.conf"))
    if place_in(root, "usr/bin/mawk").exists() and not os.path.lexists(
        place_in(root, "usr/bin/awk")
    ):
        os.symlink("mawk", place_in(root, "usr/bin/awk"))
    place_in(root, "tmp").mkdir(exist_ok=True)
    place_in(root, "tmp").chmod(0o1777)


def _accounts(master: Path) -> str:
    return master.read_text().replace(":*:", ":x:")


def configure_apt(root: Path, sources: Sequence[Source]) -> None:
    """Let the image's apt use the sources it was made from. [blocking]"""
    directory = place_in(root, "etc/apt/sources.list.d")
    if not directory.is_dir():
        return
    stanzas = []
    for source in sources:
        known = source.signed_by.startswith("/") and place_in(root, source.signed_by[1:]).exists()
        stanzas.append(source.without_secrets().stanza(keyring=known))
    _write(place_in(root, "etc/apt/sources.list.d/image.sources"), "\n".join(stanzas))
    _write(place_in(root, "etc/apt/apt.conf.d/90image"), _CLEAN_APT)


def _write(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)  # it might be a link
    path.write_text(text)


def clean(root: Path, epoch: int) -> None:
    """Remove what differs from one run to the next, and clamp times to ``epoch``. [blocking]"""
    for name in _REMOVED:
        place_in(root, name).unlink(missing_ok=True)
    for name in _EMPTIED:
        _empty(place_in(root, name))
    _remove_logs(place_in(root, _LOGS))
    machine_id = place_in(root, "etc/machine-id")
    if _is_file(machine_id):
        machine_id.write_text("")
    _clamp_password_ages(place_in(root, "etc/shadow"), epoch)
    _clamp_times(root, epoch)


def _empty(directory: Path) -> None:
    if directory.is_symlink() or not directory.is_dir():
        return
    for path in directory.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def _is_file(path: Path) -> bool:
    """Tell whether this is a regular file itself, and no link to one."""
    return path.is_file() and not path.is_symlink()


def _remove_logs(directory: Path) -> None:
    if directory.is_symlink():
        return
    for base, _, names in os.walk(directory):
        for name in names:
            path = Path(base, name)
            if _is_file(path) and name in ("lastlog", "faillog", "btmp", "wtmp", "tallylog"):
                os.truncate(path, 0)
            else:
                path.unlink()


def _clamp_password_ages(shadow: Path, epoch: int) -> None:
    """Accounts that are made today carry today's date (shadow(5), the third field)."""
    if not _is_file(shadow):
        return
    lines = []
    for line in shadow.read_text().splitlines():
        fields = line.split(":")
        if len(fields) > 2 and fields[2].isdecimal():
            fields[2] = str(min(int(fields[2]), epoch // _DAY))
        lines.append(":".join(fields))
    shadow.write_text("".join(f"{line}\n" for line in lines))


def _clamp_times(root: Path, epoch: int) -> None:
    limit = epoch * 1_000_000_000
    late = [node.path for node in walk(root) if node.status.st_mtime_ns > limit]
    for path in late:
        os.utime(bytes(root) + b"/" + path, ns=(limit, limit), follow_symlinks=False)
