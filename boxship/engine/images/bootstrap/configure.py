"""Running packages' own scripts in a tree, in namespaces of their own and without a network."""

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from boxship.engine.images.bootstrap.apt import run_bound
from boxship.engine.images.bootstrap.finish import place_in
from boxship.engine.registry.cancellation import Cancellation
from boxship.errors import InternalError, NotSupportedError

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_ARCHIVES = "var/cache/boxship-bootstrap"
_CAPABILITIES = (
    "-all,+chown,+dac_override,+fowner,+fsetid,+kill,+setgid,+setuid,+setfcap,+mknod,+sys_chroot"
)
"""What installing files, users and groups needs: no mounting, no network."""
_ENTER = r"""
set -e
root=$1
mount -t proc -o nosuid,nodev,noexec proc "$root/proc"
mount -t tmpfs -o mode=755,nosuid tmpfs "$root/dev"
for device in null:3 zero:5 full:7 random:8 urandom:9; do
  mknod -m 666 "$root/dev/${device%:*}" c 1 "${device#*:}"
done
mknod -m 666 "$root/dev/tty" c 5 0
ln -s /proc/self/fd "$root/dev/fd"
mkdir -m 1777 "$root/dev/shm"
exec chroot "$root" setpriv --bounding-set "$2" -- /bin/sh -e /var/cache/boxship-bootstrap/install
"""
_POLICY = "#!/bin/sh\nexit 101\n"
"""Tells packages that no service is to be started (invoke-rc.d, policy-rc.d)."""
_INSTALL = r"""
cd /var/cache/boxship-bootstrap
options="--force-depends --force-confnew --force-unsafe-io"
/usr/bin/dpkg $options --install $(cat first)
if [ -s rest ]; then
  /usr/bin/dpkg $options --unpack $(cat rest)
  /usr/bin/dpkg $options --configure --pending
fi
/usr/bin/dpkg --audit
"""


def can_run(architecture: str, native: str) -> bool:
    """Tell whether programs of a Debian architecture run on this host, if need be emulated."""
    if architecture == native or (architecture, native) == ("i386", "amd64"):
        return True
    emulator = Path("/proc/sys/fs/binfmt_misc") / f"qemu-{_QEMU.get(architecture, architecture)}"
    try:
        text = emulator.read_text()
    except OSError:
        return False
    return text.startswith("enabled") and "flags: " in text and "F" in text.split("flags: ")[1][:8]


_QEMU = {
    "amd64": "x86_64",
    "arm64": "aarch64",
    "armhf": "arm",
    "armel": "arm",
    "i386": "i386",
    "ppc64el": "ppc64le",
    "mips64el": "mips64el",
}


def install(
    root: Path,
    first: Iterable[Path],
    rest: Iterable[Path],
    *,
    epoch: int,
    cancellation: Cancellation,
) -> None:
    """Let dpkg install packages into a tree that holds the files of ``first`` already. [blocking]

    first: what dpkg itself stands on. Raises NotSupportedError without the programs it takes,
    InternalError with what a script that failed has said.
    """
    for program in ("unshare", "setpriv", "chroot", "mount"):
        if shutil.which(program) is None:
            raise NotSupportedError(f"packages' scripts need the program {program} on this host")
    archives = place_in(root, _ARCHIVES)
    archives.mkdir(parents=True)
    (archives / "first").write_text(_linked(archives, first))
    (archives / "rest").write_text(_linked(archives, rest))
    (archives / "install").write_text(_INSTALL)
    policy = place_in(root, "usr/sbin/policy-rc.d")
    policy.write_text(_POLICY)
    policy.chmod(0o755)
    for name in ("dev", "proc"):
        place_in(root, f"{name}/").mkdir(exist_ok=True)
    _run(root, epoch, cancellation)
    policy.unlink()
    shutil.rmtree(archives)


def _linked(archives: Path, packages: Iterable[Path]) -> str:
    names = []
    for package in packages:
        os.link(package, archives / package.name)
        names.append(package.name)
    return "\n".join(names)


def _run(root: Path, epoch: int, cancellation: Cancellation) -> None:
    namespaces = ["--mount", "--pid", "--net", "--ipc", "--uts", "--fork", "--kill-child"]
    environment = {
        "PATH": _PATH,
        "HOME": "/root",
        "LC_ALL": "C.UTF-8",
        "DEBIAN_FRONTEND": "noninteractive",
        "DEBCONF_NONINTERACTIVE_SEEN": "true",
        "SOURCE_DATE_EPOCH": str(epoch),
        "PYTHONHASHSEED": "0",
        "PERL_HASH_SEED": "0",
    }
    command = ["unshare", *namespaces, "sh", "-c", _ENTER, "sh", str(root), _CAPABILITIES]
    status, output = run_bound(command, cancellation, environment)
    if status:
        raise InternalError(f"the packages cannot be installed: {output.strip()[-2000:]}")
