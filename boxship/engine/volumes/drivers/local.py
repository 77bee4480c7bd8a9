"""The local driver: directories below the data root, with something mounted on them if asked.

``<name>/_data`` holds the files. For volumes with a mount, ``<name>/users/<container id>`` says who
needs it, on the disk, so that an engine that was killed knows it again.
"""

import errno
import os
import secrets
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from boxship.engine.storage.errors import disk_errors
from boxship.engine.storage.snapshots.background import Background
from boxship.engine.storage.trees import remove_tree
from boxship.engine.volumes.copy_up import copy_content, copy_directory_attributes
from boxship.engine.volumes.drivers.options import (
    MountOptions,
    check_options,
    parse_options,
    resolve_addresses,
)
from boxship.engine.volumes.volume import Volume
from boxship.errors import InternalError
from boxship.linux import mount

DATA = "_data"
_USERS = "users"
_TRASH = ".trash"
_DRAFT = ".draft-"
_RESTORING = ".restoring-"
"""A whole copy that takes the place of its volume's files; an interrupted change is finished."""
_MOVING = ".moving-"
"""A whole copy that is being moved into its volume; an interrupted move is finished."""


class LocalDriver:
    """Owns ``root``. Safe from several threads; touches no database."""

    name = "local"

    def __init__(self, root: Path) -> None:
        self._root = root
        self._trash = root / _TRASH
        self._background = Background("volumes")
        self._lock = threading.Lock()

    def open(self) -> None:
        """Create the directories and remove what a crash left half made or half removed."""
        self._trash.mkdir(parents=True, exist_ok=True)
        os.chmod(self._root, 0o711)
        os.chmod(self._trash, 0o700)
        for path in self._root.glob(f"{_DRAFT}*"):
            os.rename(path, self._trash / secrets.token_hex(12))
        for path in self._root.glob(f"*/{_DRAFT}*"):
            os.rename(path, self._trash / secrets.token_hex(12))
        for path in self._root.glob(f"*/{_MOVING}*"):
            _move_content(path, path.parent / DATA)
        for path in self._root.glob(f"*/{_RESTORING}*"):
            self._put_in_place(path)
        for path in self._trash.iterdir():
            self._delete(path)

    def close(self) -> None:
        """Finish background work."""
        self._background.close()

    def mountpoint(self, name: str) -> Path:
        """Return where the files of a volume are."""
        return self._root / name / DATA

    def names(self) -> Iterator[str]:
        """Yield the names of all volumes on the disk."""
        for path in self._root.iterdir():
            if not path.name.startswith(".") and (path / DATA).is_dir():
                yield path.name

    def created_at_ns(self, name: str) -> int:
        """Return when the directory of a volume appeared, as far as the disk knows."""
        return (self._root / name).stat().st_mtime_ns

    def create(self, volume: Volume, fill: Callable[[Path], None] | None = None) -> None:
        """Make the volume's directory, and let ``fill`` put files into it before it is seen.

        Raises InvalidParameterError for its options, StorageFullError, what ``fill`` raises.
        """
        check_options(volume.options)
        with disk_errors(f"create {volume.name}", self._root):
            draft = self._root / f"{_DRAFT}{secrets.token_hex(8)}"
            (draft / DATA).mkdir(parents=True, mode=0o755)
            for path, mode in ((draft, 0o701), (draft / DATA, 0o755)):
                os.chown(path, 0, 0)
                os.chmod(path, mode)
            try:
                if fill is not None:
                    fill(draft / DATA)
                os.rename(draft, self._root / volume.name)
            finally:
                remove_tree(draft)

    def replace_files(self, volume: Volume, fill: Callable[[Path], None]) -> None:
        """Put what ``fill`` makes in the place of a volume's files. [blocking]"""
        home = self._root / volume.name
        token = secrets.token_hex(8)
        draft = home / f"{_DRAFT}{token}"
        with disk_errors(f"restore {volume.name}", self._root):
            draft.mkdir(mode=0o755)
            try:
                fill(draft)
                os.rename(draft, home / f"{_RESTORING}{token}")
            finally:
                remove_tree(draft)
        self._put_in_place(home / f"{_RESTORING}{token}")

    def _put_in_place(self, path: Path) -> None:
        data = path.parent / DATA
        if data.exists():
            old = self._trash / secrets.token_hex(12)
            os.rename(data, old)
            self._delete(old)
        os.rename(path, data)

    def rename(self, name: str, new: str) -> None:
        """Give a volume that nobody has mounted another name."""
        os.rename(self._root / name, self._root / new)

    def remove(self, volume: Volume) -> None:
        """Take the volume away now, its bytes in the background. Harmless without it."""
        with self._lock:
            if parse_options(volume.options):
                _unmount_all(self.mountpoint(volume.name))
            self.remove_directory(volume.name)

    def remove_directory(self, name: str) -> None:
        """Take the directory of a volume away that has nothing mounted. Harmless without it."""
        target = self._trash / secrets.token_hex(12)
        try:
            os.rename(self._root / name, target)
        except FileNotFoundError:
            return
        self._delete(target)

    def wait_removed(self) -> None:
        """Return when the bytes of everything removed so far are off the disk."""
        self._background.wait()

    def mount(self, volume: Volume, container_id: str) -> Path:
        """Mount what the volume's options ask for, once for all users. [blocking]

        Raises InternalError with the kernel's reason.
        """
        options = parse_options(volume.options)
        path = self.mountpoint(volume.name)
        if options is None:
            return path
        users = self._root / volume.name / _USERS
        with self._lock:
            if not mount.is_mount_point(path):
                remove_tree(users)  # of an earlier boot
                _mount(path, resolve_addresses(options))
            users.mkdir(mode=0o700, exist_ok=True)
            (users / container_id).touch()
        return path

    def unmount(self, volume: Volume, container_id: str) -> None:
        """Undo ``mount`` for this user; the last one unmounts. Idempotent."""
        if parse_options(volume.options) is None:
            return
        users = self._root / volume.name / _USERS
        with self._lock:
            (users / container_id).unlink(missing_ok=True)
            if not users.is_dir() or not any(users.iterdir()):
                _unmount_all(self.mountpoint(volume.name))

    def copy_up(self, volume: Volume, rootfs: Path, path: str) -> bool:
        """Fill an empty volume from ``path`` in a root filesystem. [blocking]

        All or nothing for plain directories. Returns whether anything was there to copy.
        """
        user = f"copy-up-{secrets.token_hex(4)}"
        data = self.mount(volume, user)
        try:
            if any(data.iterdir()):
                return False
            with disk_errors(f"copying the image's content to volume {volume.name}", self._root):
                if parse_options(volume.options):
                    return copy_content(rootfs, path, data)
                return self._copy_whole(volume.name, rootfs, path, data)
        finally:
            self.unmount(volume, user)

    def _copy_whole(self, name: str, rootfs: Path, path: str, data: Path) -> bool:
        """Copy beside the volume's directory, then move what was copied into it.

        The directory itself stays: running containers may have it mounted.
        """
        token = secrets.token_hex(8)
        draft = self._root / name / f"{_DRAFT}{token}"
        draft.mkdir(mode=0o755)
        try:
            if not copy_content(rootfs, path, draft):
                return False
            moving = self._root / name / f"{_MOVING}{token}"
            os.rename(draft, moving)
        finally:
            remove_tree(draft)
        _move_content(moving, data)
        return True

    def _delete(self, path: Path) -> None:
        self._background.submit(lambda: remove_tree(path))


def _mount(path: Path, options: MountOptions) -> None:
    try:
        mount.mount(options.device, path, options.fs_type, options.flags, options.data)
        read_only_bind = mount.MS_BIND | mount.MS_RDONLY
        if options.flags & read_only_bind == read_only_bind:  # a bind takes flags only afterwards
            mount.remount(path, options.flags)
        if options.propagation:
            mount.set_propagation(path, options.propagation)
    except OSError as error:
        if mount.is_mount_point(path):
            mount.unmount(path)
        raise InternalError(
            f"error while mounting volume '{path}': failed to mount local volume: mount "
            f"{options.device}:{path}, flags: {options.flags:#x}, data: {options.data}: "
            f"{(error.strerror or str(error)).lower()}{_hint(error, options)}"
        ) from error


def _hint(error: OSError, options: MountOptions) -> str:
    if error.errno != errno.ENODEV or not options.fs_type:
        return ""
    kind = options.fs_type
    return f" (the kernel has no file system {kind}: load its module, as with 'modprobe {kind}')"


def _unmount_all(path: Path) -> None:
    while mount.is_mount_point(path):
        mount.unmount(path, mount.MNT_DETACH)


def _move_content(source: Path, target: Path) -> None:
    """Move all files of a directory into another, give it the same attributes, remove it."""
    for path in source.iterdir():
        os.rename(path, target / path.name)
    copy_directory_attributes(source, target)
    source.rmdir()
