"""Snapshots by fuse-overlayfs: overlay's layers on kernels without overlay, one process a mount.

The process puts itself into the background once it has mounted, is nobody's child, and ends with
its mount: it outlives the engine, and whoever unmounts ends it. Should it be killed, its mount
answers ENOTCONN; the next mounting replaces it.
"""

import errno
import os
import shutil
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

from boxship.engine.storage.layers.names import META_PREFIX
from boxship.engine.storage.layers.unpack import Unpacked
from boxship.engine.storage.layers.walk import Node
from boxship.engine.storage.layers.whiteouts import OPAQUE_XATTR
from boxship.engine.storage.snapshots.layer import Change
from boxship.engine.storage.snapshots.overlay import OverlayDriver
from boxship.engine.storage.snapshots.upper import upper_changes
from boxship.errors import NotSupportedError
from boxship.linux import mount

_PROGRAM = "fuse-overlayfs"
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_TIME_LIMIT_S = 30
_UNNAMEABLE = ":,\\"


class FuseOverlayDriver(OverlayDriver):
    """The overlay driver, with a program instead of the kernel's file system."""

    name = "fuse-overlayfs"
    program = "fuse-overlayfs"

    def open(self) -> None:
        """Check that the program is there and works, and collect leftovers."""
        self._check()
        super().open()

    def mount(self, container_id: str, *, volatile: bool) -> Path:
        """Mount the overlay unless it is mounted; a mount without its process is replaced."""
        self._remove_dead(self._mounts / container_id)
        return super().mount(container_id, volatile=volatile)

    def status(self) -> list[tuple[str, str]]:
        """Return what can be said of the layers."""
        return [row for row in super().status() if row[0] in ("Backing Filesystem",)]

    def changes(self, container_id: str) -> list[Change]:
        """Compare the upper directory with the layers, without the program's own marks."""
        upper = self.layout.container(container_id) / "diff"
        lowers = self._lowers(self.layout.container_parent(container_id))
        return upper_changes(upper, lowers, _is_mark)

    def capture(
        self,
        container_id: str,
        draft: Path,
        sink: Callable[[bytes], None],
        skip: Callable[[Node], bool],
    ) -> Unpacked:
        """Copy the upper directory, without the program's own marks."""
        return super().capture(container_id, draft, sink, lambda node: _is_mark(node) or skip(node))

    def _mount(self, lowers: list[Path], home: Path, target: Path, *, volatile: bool) -> None:
        options = [
            f"lowerdir={':'.join(map(str, lowers))}",
            f"upperdir={home / 'diff'}",
            f"workdir={home / 'work'}",
            "dev",
            *(["volatile"] if volatile else []),
        ]
        done = subprocess.run(
            [self._executable(), "-o", ",".join(options), str(target)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            cwd="/",
            env={"PATH": _PATH},
            timeout=_TIME_LIMIT_S,
        )
        if done.returncode != 0:
            words = done.stderr.strip().rpartition("\n")[2] or f"exit status {done.returncode}"
            raise OSError(errno.EIO, f"fuse-overlayfs: {words}", str(target))

    def _check(self) -> None:
        self._executable()
        if not Path("/dev/fuse").exists():
            raise NotSupportedError(
                "fuse-overlayfs does not work: there is no /dev/fuse; load the fuse module"
            )
        if any(character in str(self.layout.root) for character in _UNNAMEABLE):
            raise NotSupportedError(
                f"fuse-overlayfs cannot be told of {self.layout.root}: a colon, comma or backslash "
                "is in the path of the data root"
            )

    def _executable(self) -> str:
        found = shutil.which(_PROGRAM, path=_PATH)
        if found is None:
            raise NotSupportedError(
                "fuse-overlayfs is not installed; install the package fuse-overlayfs"
            )
        return found

    def _remove_dead(self, target: Path) -> None:
        """Unmount what a killed process left: it answers nobody."""
        try:
            os.stat(target)
        except OSError as error:
            if error.errno == errno.ENOENT:
                return
            if error.errno != errno.ENOTCONN:
                raise
            mount.unmount(target, mount.MNT_DETACH)

    def _probe(self) -> None:
        """See also whether the file system keeps the marks of layers; an overlay does not."""
        super()._probe()
        draft = self.layout.draft()
        try:
            os.mknod(draft / "mark", stat.S_IFCHR)
            os.setxattr(draft, OPAQUE_XATTR, b"y")
        except OSError as error:
            backing = mount.mount_point_of(self.layout.root).fs_type
            raise NotSupportedError(
                f"fuse-overlayfs cannot keep removals of layers on the {backing} file system of "
                f"{self.layout.root}: {error.strerror}"
            ) from error
        finally:
            self.layout.discard(draft)


def _is_mark(node: Node) -> bool:
    """fuse-overlayfs marks directories by files beside overlay's attribute."""
    return node.name.startswith(META_PREFIX) or node.name == b".wh..opq"
