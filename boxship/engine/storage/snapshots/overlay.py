"""Snapshots by the kernel's overlay file system (Documentation/filesystems/overlayfs.rst)."""

import errno
import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path

from boxship.engine.storage.layers.capture import capture
from boxship.engine.storage.layers.limits import LayerLimits
from boxship.engine.storage.layers.pack import pack_upper
from boxship.engine.storage.layers.unpack import Unpacked, unpack
from boxship.engine.storage.layers.walk import Node
from boxship.engine.storage.layers.whiteouts import OverlayWhiteouts
from boxship.engine.storage.snapshots.ahead import UNKNOWN_LOWERS
from boxship.engine.storage.snapshots.layer import Change
from boxship.engine.storage.snapshots.layout import Layout
from boxship.engine.storage.snapshots.upper import upper_changes
from boxship.engine.storage.trees import remove_tree, tree_size
from boxship.errors import ConflictError, InvalidParameterError, NotSupportedError
from boxship.linux import mount
from boxship.linux.fsmount import mount_with

MAX_LAYERS = 500
"""What the kernel can stack (OVL_MAX_STACK in fs/overlayfs/params.h)."""
_OPTIONS = "index=off,metacopy=off,redirect_dir=off"
"""Features that would let a layer's tree mean more than its files say, and break sharing of layers
between mounts; xino stays as the kernel chooses."""


class OverlayDriver:
    """One directory per layer, mounted together with the container's upper directory."""

    name = "overlay2"
    unpacks_ahead = True
    program = "overlay"
    """Who mounts, as errors name it."""

    def __init__(self, root: Path) -> None:
        self.layout = Layout(root)
        self._mounts = root / "merged"

    def open(self) -> None:
        """Check that overlay works here and collect leftovers."""
        self.layout.open()
        self._probe()
        self._mounts.mkdir(exist_ok=True)
        self._collect_mounts()

    def close(self) -> None:
        """Finish background work."""
        self.layout.close()

    def status(self) -> list[tuple[str, str]]:
        """Return Docker's rows."""
        backing = mount.mount_point_of(self.layout.root).fs_type
        return [
            ("Backing Filesystem", "extfs" if backing.startswith("ext") else backing),
            ("Supports d_type", "true"),
            ("Using metacopy", "false"),
            ("Native Overlay Diff", "true"),
            ("userxattr", "false"),
        ]

    def unpack(
        self, draft: Path, parent: str | None, archive: Iterable[bytes], limits: LayerLimits
    ) -> Unpacked:
        """Unpack into an empty directory, removals as whiteouts."""
        tree = draft / "diff"
        lowers = self._lowers(parent)
        if len(lowers) >= MAX_LAYERS:
            raise _too_deep(len(lowers) + 1)
        self._make_root(tree, lowers)
        return unpack(archive, tree, OverlayWhiteouts(), limits, lowers)

    def unpack_ahead(self, draft: Path, archive: Iterable[bytes], limits: LayerLimits) -> Unpacked:
        """Unpack as ever: a layer's directory holds this layer alone."""
        tree = draft / "diff"
        self._make_root(tree, [])
        return unpack(archive, tree, OverlayWhiteouts(), limits, UNKNOWN_LOWERS)

    def place(self, draft: Path, parent: str | None, unpacked: Unpacked) -> None:
        """Give the root directory the attributes of the one below, unless the layer has its own."""
        lowers = self._lowers(parent)
        if len(lowers) >= MAX_LAYERS:
            raise _too_deep(len(lowers) + 1)
        if not unpacked.describes_root:
            _own_like_below(draft / "diff", lowers)

    def pack_layer(self, chain_id: str) -> Iterator[bytes]:
        """Pack the layer's own directory."""
        return pack_upper(self.layout.layer_tree(chain_id))

    def create(self, container_id: str, chain_id: str | None) -> None:
        """Make upper, work and mount point directories. ConflictError if it exists."""
        lowers = self._lowers(chain_id)
        draft = self.layout.draft()
        self._make_root(draft / "diff", lowers)
        (draft / "work").mkdir(mode=0o700)
        if not lowers:
            (draft / "empty").mkdir(mode=0o755)
        (self._mounts / container_id).mkdir(mode=0o700, exist_ok=True)
        try:
            self.layout.publish_container(draft, container_id, chain_id)
        except OSError as error:
            self.layout.discard(draft)
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
            raise ConflictError(f"container {container_id} has a root filesystem") from None

    def mount(self, container_id: str, *, volatile: bool) -> Path:
        """Mount the overlay unless it is mounted."""
        home = self.layout.container(container_id)
        target = self._mounts / container_id
        if self.is_mounted(container_id):
            return target
        target.mkdir(mode=0o700, exist_ok=True)
        lowers = self._lowers(self.layout.container_parent(container_id)) or [home / "empty"]
        if volatile:
            _forget_volatile(home / "work")
        self._mount(lowers, home, target, volatile=volatile)
        return target

    def is_mounted(self, container_id: str) -> bool:
        """Tell whether the overlay is mounted."""
        return os.path.ismount(self._mounts / container_id)

    def unmount(self, container_id: str) -> None:
        """Unmount; lazily where somebody still has files open in it."""
        target = self._mounts / container_id
        try:
            mount.unmount(target)
        except OSError as error:
            if error.errno == errno.EBUSY:
                mount.unmount(target, mount.MNT_DETACH)
            elif error.errno not in (errno.EINVAL, errno.ENOENT):
                raise

    def remove(self, container_id: str) -> None:
        """Move the directory into the trash; unmounting, which flushes the disk, comes later."""
        self.layout.discard(
            self.layout.containers / container_id, lambda: self._remove_mount(container_id)
        )

    def graph_data(self, container_id: str) -> dict[str, str]:
        """Return Docker's overlay2 paths."""
        home = self.layout.container(container_id)
        lowers = self._lowers(self.layout.container_parent(container_id))
        return {
            "LowerDir": ":".join(map(str, lowers)),
            "MergedDir": str(self._mounts / container_id),
            "UpperDir": str(home / "diff"),
            "WorkDir": str(home / "work"),
        }

    def size(self, container_id: str) -> int:
        """Measure the upper directory."""
        return tree_size(self.layout.container(container_id) / "diff")

    def changes(self, container_id: str) -> list[Change]:
        """Compare the upper directory with the layers."""
        upper = self.layout.container(container_id) / "diff"
        return upper_changes(upper, self._lowers(self.layout.container_parent(container_id)))

    def capture(
        self,
        container_id: str,
        draft: Path,
        sink: Callable[[bytes], None],
        skip: Callable[[Node], bool],
    ) -> Unpacked:
        """Copy the upper directory."""
        lowers = self._lowers(self.layout.container_parent(container_id))
        if len(lowers) >= MAX_LAYERS:
            raise _too_deep(len(lowers) + 1)
        tree = draft / "diff"
        self._make_root(tree, lowers)
        return capture(self.layout.container(container_id) / "diff", tree, sink, skip=skip)

    def _lowers(self, chain_id: str | None) -> list[Path]:
        """Return the layers' directories, the topmost first."""
        return [self.layout.layer_tree(layer) for layer in self.layout.chain(chain_id)]

    def _mount(self, lowers: list[Path], home: Path, target: Path, *, volatile: bool) -> None:
        """Mount with ``diff`` and ``work`` in ``home``. Raises OSError."""
        extra = ",volatile" if volatile else ""
        _mount_overlay(lowers, home / "diff", home / "work", target, _OPTIONS + extra)

    def _make_root(self, tree: Path, lowers: list[Path]) -> None:
        """Make a directory with the attributes of the tree's root below it."""
        tree.mkdir(mode=0o755)
        _own_like_below(tree, lowers)

    def _probe(self) -> None:
        """Mount an overlay and make a whiteout; NotSupportedError says why it fails."""
        draft = self.layout.draft()
        lower, merged = draft / "lower", draft / "merged"
        for path in (lower, draft / "diff", draft / "work", merged):
            path.mkdir()
        (lower / "file").touch()
        try:
            self._mount([lower], draft, merged, volatile=False)
            try:
                (merged / "file").unlink()
            finally:
                mount.unmount(merged, mount.MNT_DETACH)
        except OSError as error:
            backing = mount.mount_point_of(self.layout.root).fs_type
            raise NotSupportedError(
                f"{self.program} does not work on the {backing} file system of "
                f"{self.layout.root}: {error.strerror}"
            ) from error
        finally:
            self.layout.discard(draft)

    def _remove_mount(self, container_id: str) -> None:
        target = self._mounts / container_id
        _detach(target)
        try:
            os.rmdir(target)
        except FileNotFoundError:
            pass

    def _collect_mounts(self) -> None:
        """Remove mount points whose container is gone: its removal was cut off."""
        known = set(self.layout.container_ids())
        for path in self._mounts.iterdir():
            if path.name not in known:
                self._remove_mount(path.name)


def _detach(target: Path) -> None:
    """Unmount all that is mounted at a place, whoever still uses it."""
    while True:
        try:
            mount.unmount(target, mount.MNT_DETACH)
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.ENOENT):
                raise
            return


def _too_deep(count: int) -> InvalidParameterError:
    return InvalidParameterError(
        f"max depth exceeded: the image has {count} layers or more, and an overlay can stack "
        f"{MAX_LAYERS}; join some of them, or use the vfs or btrfs storage driver"
    )


def _forget_volatile(work: Path) -> None:
    """Allow a volatile mount again after a crash: its content was declared expendable."""
    remove_tree(work / "work" / "incompat")


def _own_like_below(tree: Path, lowers: list[Path]) -> None:
    if lowers:
        below = lowers[0].stat()
        os.chown(tree, below.st_uid, below.st_gid)
        os.chmod(tree, stat.S_IMODE(below.st_mode))
    else:
        os.chown(tree, 0, 0)
        os.chmod(tree, 0o755)


def _mount_overlay(lowers: list[Path], upper: Path, work: Path, target: Path, extra: str) -> None:
    """Mount by one page of options where they fit, else with a call for each layer."""
    paths = [*map(str, lowers), str(upper), str(work)]
    if sum(map(len, paths)) + len(paths) + 256 < mount.OPTIONS_LIMIT and not _needs_escape(paths):
        _mount_paths(paths, target, extra)
        return
    if _appends_lowers():
        _mount_appended(paths, target, extra)
        return
    with ExitStack() as stack:
        _mount_paths([_short_name(stack, path) for path in paths], target, extra)


def _mount_paths(paths: list[str], target: Path, extra: str) -> None:
    *lowers, upper, work = paths
    options = f"lowerdir={':'.join(lowers)},upperdir={upper},workdir={work},{extra}"
    mount.mount("overlay", target, "overlay", data=options)


def _mount_appended(paths: list[str], target: Path, extra: str) -> None:
    *lowers, upper, work = paths
    options = [("lowerdir+", lower) for lower in lowers]
    options += [("upperdir", upper), ("workdir", work)]
    for option in extra.split(","):
        key, _, value = option.partition("=")
        options.append((key, value))
    mount_with("overlay", target, options)


def _appends_lowers() -> bool:
    """Tell whether this kernel knows ``lowerdir+`` (Linux 6.5 and later)."""
    major, minor = (int(part) for part in re.findall(r"\d+", os.uname().release)[:2])
    return (major, minor) >= (6, 5)


def _short_name(stack: ExitStack, path: str) -> str:
    """Name a directory by a descriptor, so that 200 layers fit into mount's page of options."""
    descriptor = os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    stack.callback(os.close, descriptor)
    return f"/proc/self/fd/{descriptor}"


def _needs_escape(paths: list[str]) -> bool:
    return any(character in path for path in paths for character in ":,\\")
