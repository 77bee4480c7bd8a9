"""From a recipe to a tree of files, in a worker thread."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from boxship.engine.images.bootstrap import configure, dpkg, finish
from boxship.engine.images.bootstrap.apt import Apt
from boxship.engine.images.bootstrap.busybox import busybox_layer, find_busybox
from boxship.engine.images.bootstrap.deb import Control, FileTree, read_control
from boxship.engine.images.bootstrap.recipe import Recipe, debian_architecture
from boxship.engine.images.bootstrap.sources import (
    HOST_SETTINGS,
    Source,
    known_suites,
    read_sources,
    sources_for,
)
from boxship.engine.registry.cancellation import Cancellation
from boxship.engine.storage.layers.limits import LayerLimits
from boxship.engine.storage.layers.pack import pack_tree
from boxship.engine.storage.layers.unpack import unpack
from boxship.engine.storage.layers.whiteouts import OverlayWhiteouts
from boxship.errors import NotFoundError, UnavailableError
from boxship.oci.platform import Platform, host_platform

_UNMERGED = frozenset({"buster", "stretch", "jessie", "wheezy", "bionic", "xenial", "trusty"})
"""Releases whose bin, sbin and lib are directories of their own."""
_ESSENTIAL = "?essential"
_MERGED = "usr-is-merged"
"""Says that bin, sbin and lib are links, as they are here; without it a converter in Perl comes."""
_REQUIRED = ("?priority(required)", "apt")

Say = Callable[[str], None]
"""Called in the worker thread with a line for people."""


@dataclass(frozen=True, slots=True)
class Built:
    """A root filesystem, and what was learnt while it was made."""

    open_tar: Callable[[], Iterator[bytes]]
    epoch: int | None
    """Time of the image in seconds; None: the one of busybox images."""
    shell: str
    configured: bool = True
    """Whether the packages' scripts have run."""
    packages: tuple[str, ...] = ()
    """``name=version``, sorted."""


class Builder:
    """Makes one image's root filesystem below a directory that its caller removes."""

    def __init__(
        self, recipe: Recipe, platform: Platform, work: Path, cancellation: Cancellation, say: Say
    ) -> None:
        self._recipe = recipe
        self._architecture = debian_architecture(platform)
        self._work = work
        self._cancellation = cancellation
        self._say = say

    def build(self) -> Built:
        """Make it. Raises what ``Apt`` and ``configure.install`` do, and storage's errors."""
        if self._recipe.distribution == "busybox":
            return self._busybox()
        return self._debian()

    def _busybox(self) -> Built:
        native = self._architecture == native_architecture()
        try:
            binary = find_busybox()
        except UnavailableError:
            binary = self._fetched_busybox(native_architecture())
        content = b""
        if not native:
            content = self._fetched_busybox(self._architecture).read_bytes()
        layer = busybox_layer(binary, content)
        return Built(lambda: iter([layer]), self._recipe.epoch, "sh")

    def _fetched_busybox(self, architecture: str) -> Path:
        apt, _ = self._apt(architecture)
        self._say(f"Downloading busybox-static for {architecture}")
        archives = apt.download(["busybox-static"])
        tree = self._work / f"busybox-{architecture}"
        packages = [(path.name, path) for path in archives]
        self._unpack(tree, FileTree(merged_usr=False), packages)
        found = (path for path in tree.glob("**/bin/busybox") if _is_program(path))
        try:
            return next(found)
        except StopIteration:
            raise NotFoundError(
                f"the package busybox-static for {architecture} holds no busybox"
            ) from None

    def _debian(self) -> Built:
        apt, sources = self._apt(self._architecture)
        merged_usr = self._recipe.suite not in _UNMERGED
        settled = [_MERGED] if merged_usr and apt.knows(_MERGED) else []
        first = self._first(apt, settled)
        wanted = [*self._base(settled), *self._recipe.packages]
        self._say(f"Downloading packages for {self._architecture}")
        archives = apt.download(wanted)
        packages = _described(archives)
        tree = FileTree(merged_usr=merged_usr)
        root = self._work / "root"
        self._say(f"Unpacking {len(packages)} packages")
        runs = bool(first) and configure.can_run(self._architecture, native_architecture())
        chosen = [one for one in packages if not runs or one[1] in first]
        self._unpack(root, tree, [(control.package, path) for control, path in chosen])
        unpacked = {path for _, path in chosen}
        epoch = self._epoch(tree, [path for path in archives if path not in unpacked])
        if runs:
            self._configure(root, first, [path for path in archives if path not in first], epoch)
        else:
            self._record(root, packages, tree)
        finish.configure_apt(root, sources)
        finish.clean(root, epoch)
        return Built(
            open_tar=lambda: pack_tree(root),
            epoch=epoch,
            shell="bash" if (root / "usr/bin/bash").exists() else "sh",
            configured=runs,
            packages=tuple(
                f"{control.package}={control.fields.get('Version', '')}" for control, _ in packages
            ),
        )

    def _apt(self, architecture: str) -> tuple[Apt, list[Source]]:
        sources = sources_for(self._recipe)
        place = self._work / f"apt-{architecture}"
        place.mkdir()
        apt = Apt(place, architecture, sources, self._cancellation)
        self._say(f"Reading package lists of {' '.join(sources[0].suites)} for {architecture}")
        try:
            apt.update()
        except NotFoundError as error:
            raise NotFoundError(
                f"no {self._recipe.title}: {error.message}; this host's apt names the releases "
                f"{', '.join(known_suites(read_sources(HOST_SETTINGS)))}"
            ) from error
        return apt, sources

    def _base(self, settled: list[str]) -> Sequence[str]:
        if self._recipe.variant == "custom":
            return ()
        required = _REQUIRED if self._recipe.variant == "minbase" else ()
        return (_ESSENTIAL, *settled, *required)

    def _first(self, apt: Apt, settled: list[str]) -> set[Path]:
        """Fetch what dpkg itself stands on; nothing where no script is to run."""
        if self._recipe.variant == "custom":
            return set()
        self._say(f"Downloading essential packages for {self._architecture}")
        return set(apt.download([_ESSENTIAL, *settled]))

    def _unpack(self, root: Path, tree: FileTree, packages: list[tuple[str, Path]]) -> None:
        root.mkdir(mode=0o755)
        unpack(self._checked(tree.archive(packages)), root, OverlayWhiteouts(), LayerLimits())

    def _checked(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            self._cancellation.check()
            yield piece

    def _epoch(self, tree: FileTree, others: Sequence[Path]) -> int:
        """The time of the newest file in the packages, so that they alone decide the result."""
        if self._recipe.epoch is not None:
            return self._recipe.epoch
        newest = max([tree.newest, *(newest_time(path) for path in others)])
        return newest // 1_000_000_000

    def _configure(self, root: Path, first: set[Path], rest: list[Path], epoch: int) -> None:
        self._say(f"Installing {len(first) + len(rest)} packages")
        database = finish.place_in(root, "var/lib/dpkg/status").parent
        (database / "status").touch()
        (database / "available").touch()
        configure.install(root, sorted(first), rest, epoch=epoch, cancellation=self._cancellation)

    def _record(self, root: Path, packages: list[tuple[Control, Path]], tree: FileTree) -> None:
        if self._recipe.variant != "custom":
            self._say(
                f"The packages' scripts have not run: this host cannot run {self._architecture} "
                "programs; with qemu-user-static registered (binfmt_misc, flag F) it can"
            )
        finish.complete(root)
        dpkg.write_database(root, [control for control, _ in packages], tree.listed)


def native_architecture() -> str:
    """Return Debian's name of this machine. [blocking, short]"""
    return debian_architecture(host_platform())


def newest_time(archive: Path) -> int:
    """Return the time of a package's newest file in nanoseconds. [blocking]"""
    tree = FileTree(merged_usr=False)
    for _ in tree.archive([("", archive)]):
        pass
    return tree.newest


def _described(archives: Sequence[Path]) -> list[tuple[Control, Path]]:
    found = [(read_control(path), path) for path in archives]
    return sorted(found, key=lambda one: one[0].package)


def _is_program(path: Path) -> bool:
    if path.is_symlink() or not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(4) == b"\x7fELF"
