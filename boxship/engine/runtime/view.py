"""The view of the file system in which the OCI runtime runs.

crun refuses a machine whose cgroups are hybrid while cgroup2 still holds controllers. There, conmon
and crun run in a mount namespace without the cgroup2 mount. The namespace belongs to one thread of
the engine, so that nothing outlives the engine but what its containers need; the engine itself
stays outside, or the overlay mounts that it makes would vanish with it.
"""

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

from boxship.linux import mount
from boxship.linux.cgroups import Hierarchies
from boxship.linux.namespaces import private_mounts
from boxship.linux.spawn import Spawner


class View:
    """Gives the spawner to start runtimes with."""

    def __init__(self, hierarchies: Hierarchies, roots: Sequence[Path]) -> None:
        """``roots`` are the directories below which the engine makes mounts for containers."""
        self._hidden = hierarchies.unified if hierarchies.is_hybrid else None
        self._roots = roots
        self._own_mounts: list[Path] = []
        self._spawner: Spawner | None = None
        self._lock = asyncio.Lock()

    def open(self) -> None:
        """Let the engine's later mounts reach the runtime's namespace."""
        if self._hidden is not None:
            self._own_mounts = [root for root in self._roots if mount.share(root)]
        self._spawner = self._new_spawner()

    def close(self) -> None:
        """Give the thread up, and the shared mounts unless something is mounted below them."""
        if self._spawner is not None:
            self._spawner.close()
        points = [point.target for point in mount.mount_points()]
        for root in reversed(self._own_mounts):
            below = f"{os.path.realpath(root)}/"
            if not any(point.startswith(below) for point in points):
                # Detached: the state's files may be open still.
                mount.unmount(root, mount.MNT_DETACH)

    @property
    def spawner(self) -> Spawner:
        """The spawner as it is."""
        if self._spawner is None:
            raise RuntimeError("the runtime service is not open")
        return self._spawner

    async def spawner_for(self, sources: Sequence[str]) -> Spawner:
        """Return a spawner that sees the same files as the engine at and below these paths.

        A mount that the administrator made on a private mount point since the namespace was made
        is missing in it: then another namespace takes its place.
        """
        if self._hidden is None or not sources:
            return self.spawner
        async with self._lock:
            if await self.spawner.call(lambda: self._seen(sources)) != self._seen(sources):
                self.spawner.close()
                self._spawner = self._new_spawner()
        return self.spawner

    def _seen(self, sources: Sequence[str]) -> tuple[list[tuple[int, int] | None], set[str]]:
        """Return what the calling thread sees: the files themselves, and what is mounted below."""
        elsewhere = [*self._roots, *([self._hidden.parent] if self._hidden else [])]
        return _identities(sources), _mounted_below(sources, elsewhere)

    def _new_spawner(self) -> Spawner:
        return Spawner("runtime", self._hide if self._hidden is not None else None)

    def _hide(self) -> None:
        private_mounts()
        if self._hidden is not None:
            hide(self._hidden)


def hide(point: Path) -> None:
    """Take a cgroup mount out of the calling thread's mount namespace, with its directory.

    An empty directory would not do: crun takes it for a hierarchy and makes files in it, on the
    file system that the mount had covered, for each container. So the directory of all hierarchies
    is covered by another one that has the rest.
    """
    mount.unmount(point)
    parent = point.parent
    own = mount.mount_points("/proc/thread-self/mountinfo")
    hierarchies = [Path(one.target) for one in own if Path(one.target).parent == parent]
    if not hierarchies:
        return
    links = {link.name: os.readlink(link) for link in parent.iterdir() if link.is_symlink()}
    mount.mount("cgroup", point, "tmpfs", data="mode=755,size=64k")
    for hierarchy in hierarchies:
        (point / hierarchy.name).mkdir()
        mount.bind(hierarchy, point / hierarchy.name)
    for name, target in links.items():
        (point / name).symlink_to(target)
    mount.bind(point, parent, recursive=True)


def _mounted_below(sources: Sequence[str], without: Sequence[Path]) -> set[str]:
    """Return the mount points below some paths, but none below ``without``: those are shared."""
    above = tuple(f"{os.path.realpath(source).rstrip('/')}/" for source in sources)
    left_out = tuple(f"{os.path.realpath(path)}/" for path in without)
    return {
        point.target
        for point in mount.mount_points("/proc/thread-self/mountinfo")
        if point.target.startswith(above) and not f"{point.target}/".startswith(left_out)
    }


def _identities(paths: Sequence[str]) -> list[tuple[int, int] | None]:
    return [_identity(path) for path in paths]


def _identity(path: str) -> tuple[int, int] | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino
