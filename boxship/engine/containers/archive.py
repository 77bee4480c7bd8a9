"""Files in and out of a container (``docker cp``): paths as the container itself sees them.

A running container is looked at through its own mount namespace, a stopped one through its root
file system and the sources of its mounts. Every path is resolved inside that root by the kernel
(openat2 with RESOLVE_IN_ROOT): whatever links the container makes, and when, nothing outside is
reached.
"""

import errno
import os
import posixpath
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from boxship.engine.containers.container import Container, MountPoint
from boxship.engine.containers.context import Context
from boxship.engine.containers.lifecycle import is_alive
from boxship.engine.security.users import lookup
from boxship.engine.storage.layers.decompress import decompress
from boxship.engine.storage.layers.limits import LayerLimits
from boxship.engine.storage.layers.pack import Packer, gather
from boxship.engine.storage.layers.unpack import unpack
from boxship.engine.storage.layers.walk import Node, walk
from boxship.engine.storage.layers.whiteouts import InPlaceWhiteouts
from boxship.errors import ConflictError, ForbiddenError, InvalidParameterError, NotFoundError
from boxship.linux.openat2 import openat2

_KERNEL_TREES: Final = (b"proc", b"sys", b"dev")
"""Not files of the container: left out of an archive of its whole root."""
_MISSING: Final = (errno.ENOENT, errno.ENOTDIR)


@dataclass(frozen=True, slots=True, kw_only=True)
class PathStat:
    """What a path is."""

    name: str
    size: int
    mode: int
    """As in struct stat."""
    mtime_ns: int
    link_target: str
    """Where a symbolic link leads in the end, as an absolute path; else empty."""


@dataclass(frozen=True, slots=True)
class _Place:
    """A path split the way ``cp`` means it."""

    path: str
    """Absolute and clean."""
    follow: bool
    """Whether its last part is followed when it is a link (it ends in ``/`` or ``/.``)."""
    shown: str
    """Name under which it is packed."""


class _Renamed(Node):
    """A node that is packed under another path."""

    shown: bytes

    @property
    def path(self) -> bytes:
        return self.shown


def _place(path: str) -> _Place:
    if not path:
        raise InvalidParameterError("bad parameter: 'path' cannot be empty")
    if "\0" in path:
        raise InvalidParameterError("invalid path: it contains a NUL byte")
    clean = posixpath.normpath("/" + path.lstrip("/"))
    dotted = path in (".", "/.") or path.endswith("/.")
    follow = dotted or path.endswith("/") or clean == "/"
    shown = "." if dotted else posixpath.basename(clean)
    return _Place(clean, follow, shown or "/")


@contextmanager
def _root(context: Context, container: Container, place: _Place) -> Iterator[tuple[int, str]]:
    """Give a descriptor of the root, and the place's path in it."""
    if is_alive(container.state.status):
        root = _open_root_of(container)
        try:
            yield root, place.path
        finally:
            os.close(root)
        return
    with context.storage.borrowed(container.id) as rootfs:
        mount = _mount_of(container, place.path)
        source = Path(mount.source) if mount is not None else rootfs
        inner = place.path[len(mount.destination) :] if mount is not None else place.path
        root = os.open(source, os.O_PATH | os.O_DIRECTORY)
        try:
            yield root, inner or "/"
        finally:
            os.close(root)


def _open_root_of(container: Container) -> int:
    """Open a running container's root. Raises ConflictError when it ended the moment before."""
    try:
        return os.open(f"/proc/{container.state.pid}/root", os.O_PATH | os.O_DIRECTORY)
    except (FileNotFoundError, ProcessLookupError):
        raise ConflictError(f"container {container.id} has ended meanwhile: try again") from None


def _mount_of(container: Container, path: str) -> MountPoint | None:
    """Return the mount of a directory that a path lies in, the innermost one."""
    found = None
    for mount in container.mounts:
        inside = f"{path}/".startswith(mount.destination.rstrip("/") + "/")
        inner = found is None or len(mount.destination) > len(found.destination)
        if inside and inner and os.path.isdir(mount.source):
            found = mount
    return found


@contextmanager
def _opened(root: int, path: str, follow: bool, missing: NotFoundError) -> Iterator[int]:
    """Give a descriptor (O_PATH) of what a path names."""
    flags = os.O_PATH if follow else os.O_PATH | os.O_NOFOLLOW
    try:
        descriptor = openat2(root, path, flags)
    except OSError as error:
        if error.errno in _MISSING:
            raise missing from None
        if error.errno == errno.ENAMETOOLONG:
            raise InvalidParameterError(f"file name too long: {path[:80]}…") from None
        raise
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _missing(container: Container, place: _Place) -> NotFoundError:
    return NotFoundError(f"Could not find the file {place.path} in container {container.name}")


def path_stat(context: Context, container: Container, path: str) -> PathStat:
    """Describe a path. Raises NotFoundError without it. [blocking]"""
    place = _place(path)
    with (
        _root(context, container, place) as (root, inner),
        _opened(root, inner, place.follow, _missing(container, place)) as descriptor,
    ):
        status = os.fstat(descriptor)
        is_link = stat.S_ISLNK(status.st_mode)
        return PathStat(
            name=place.shown,
            size=status.st_size,
            mode=status.st_mode,
            mtime_ns=status.st_mtime_ns,
            link_target=_link_target(root, inner, descriptor) if is_link else "",
        )


def _link_target(root: int, path: str, link: int) -> str:
    """Return where a link leads; for one that leads nowhere, what it says."""
    try:
        target = openat2(root, path, os.O_PATH)
    except OSError:
        return posixpath.normpath(
            posixpath.join(posixpath.dirname(path), os.readlink("", dir_fd=link))
        )
    try:
        top = os.readlink(f"/proc/self/fd/{root}").rstrip("/")
        return os.readlink(f"/proc/self/fd/{target}").removeprefix(top) or "/"
    finally:
        os.close(target)


def pack_path(context: Context, container: Container, path: str) -> Iterator[bytes]:
    """Yield a tar archive of a path and all below it, named by its last part. [blocking]

    Raises NotFoundError at the first step.
    """
    place = _place(path)
    with (
        _root(context, container, place) as (root, inner),
        _opened(root, inner, place.follow, _missing(container, place)) as descriptor,
    ):
        packer = Packer()
        nodes = _nodes(root, inner, descriptor, place)
        yield from gather(piece for node in nodes for piece in packer.pack(node))


def _nodes(root: int, inner: str, descriptor: int, place: _Place) -> Iterator[Node]:
    shown = os.fsencode(place.shown.lstrip("/"))
    status = os.fstat(descriptor)
    if stat.S_ISDIR(status.st_mode):
        for node in walk(descriptor, _skip_kernel_trees if place.path == "/" else _skip_nothing):
            path = shown + b"/" + node.path if shown and node.path else shown or node.path
            yield _Renamed(node.dir_fd, node.parent, node.name, node.status, path)
        return
    parent = openat2(root, posixpath.dirname(inner), os.O_PATH | os.O_DIRECTORY)
    try:
        name = os.fsencode(posixpath.basename(inner))
        yield _Renamed(parent, b"", name, status, shown)
    finally:
        os.close(parent)


def _skip_nothing(_node: Node) -> bool:
    return False


def _skip_kernel_trees(node: Node) -> bool:
    return node.path in _KERNEL_TREES


def unpack_into(
    context: Context,
    container: Container,
    path: str,
    archive: Iterable[bytes],
    *,
    keep_kinds: bool = False,
    as_user: bool = False,
) -> None:
    """Unpack a tar archive, compressed or not, into a directory. [blocking]

    ``keep_kinds``: refuse to put a file where a directory is, and the other way round.
    ``as_user``: all of it belongs to the container's user, where it has one. Raises
    NotFoundError without the directory, InvalidParameterError for what is none or for a broken
    archive, ForbiddenError where the container may not write either.
    """
    place = _place(path)
    _check_writable(container, place.path)
    owner = _user(context, container) if as_user else None
    with (
        _root(context, container, place) as (root, inner),
        _opened(root, inner, True, _missing(container, place)) as descriptor,
    ):
        if not stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise InvalidParameterError("extraction point is not a directory")
        tree = Path(f"/proc/self/fd/{descriptor}")
        unpack(
            decompress(archive),
            tree,
            InPlaceWhiteouts(),
            LayerLimits(),
            keep_kinds=keep_kinds,
            owner=owner,
        )


def _user(context: Context, container: Container) -> tuple[int, int] | None:
    user = container.config.user
    if not user:
        return None
    with _root(context, container, _place("/")) as (root, _):
        identity = lookup(f"/proc/self/fd/{root}", user)
    return identity.uid, identity.gid


def _check_writable(container: Container, path: str) -> None:
    mount = _mount_of(container, path)
    if mount is not None and not mount.read_write:
        raise ForbiddenError("mounted volume is marked read-only")
    if mount is None and container.host.read_only_rootfs:
        raise ForbiddenError("container rootfs is marked read-only")
