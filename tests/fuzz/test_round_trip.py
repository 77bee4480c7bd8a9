"""Invented trees: packed and unpacked they are the same again, and GNU tar agrees."""

import hashlib
import os
import shutil
import stat
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from boxship.engine.storage.layers.limits import LayerLimits
from boxship.engine.storage.layers.pack import pack_tree
from boxship.engine.storage.layers.unpack import unpack
from boxship.engine.storage.layers.whiteouts import InPlaceWhiteouts, OverlayWhiteouts
from tests.support.archives import chunked

BUDGET = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
NUMBERS = count()
SECOND = 1_000_000_000
CAPABILITY = bytes.fromhex("0100000200040000000000000000000000000000")
TAR = ("tar", "--numeric-owner")
WITH_XATTRS = ("--xattrs", "--xattrs-include=*")

names = st.one_of(
    st.sampled_from([b"a", b"b", b"usr", b"lib", b"\xff\xfe", b"new\nline", b" ", b"\xc3\xa4"]),
    st.sampled_from([b"l" * 100, b"m" * 101, b"n" * 255, b"-rf", b"..a", b"%41", b"a=b"]),
)
ids = st.sampled_from([0, 1, 1000, 2**21 - 1, 2**21, 2**31, 2**32 - 2])
times = st.one_of(
    st.sampled_from([0, 1, -1, -SECOND, 2**33 * SECOND, 2**33 * SECOND - 1, -(2**31) * SECOND]),
    st.integers(-(2**31) * SECOND, 2**34 * SECOND // 2),
)
data = st.one_of(st.just(b""), st.binary(max_size=100), st.integers(500, 3000).map(bytes))
xattrs = st.dictionaries(
    st.sampled_from(["user.a", "user.=", "user.\udcff", "trusted.t"]),
    st.one_of(st.just(b""), st.binary(max_size=80)),
    max_size=2,
)


class Thing(NamedTuple):
    """One thing to be made: where, what, and its attributes."""

    path: list[bytes]
    kind: str
    mode: int
    owner: tuple[int, int]
    time_ns: int
    data: bytes
    hole: int
    xattrs: dict[str, bytes]
    capable: bool


things = st.builds(
    Thing,
    path=st.lists(names, min_size=1, max_size=4),
    kind=st.sampled_from(["file", "file", "dir", "link", "symlink", "fifo", "char", "block"]),
    mode=st.integers(0, 0o7777),
    owner=st.tuples(ids, ids),
    time_ns=times,
    data=data,
    hole=st.sampled_from([0, 0, 4096, 100_000]),
    xattrs=xattrs,
    capable=st.booleans(),
)
trees = st.lists(things, max_size=12)


def make(root: Path, wanted: list[Thing]) -> None:
    """Make what can be made: later things of a name that is taken are left out."""
    root.mkdir()
    files: list[bytes] = []
    made: list[tuple[bytes, Thing]] = []
    for thing in wanted:
        path = os.path.join(bytes(root), *thing.path)
        with suppress(FileExistsError, NotADirectoryError, FileNotFoundError):
            os.makedirs(os.path.dirname(path), exist_ok=True)
            _make(path, thing, files)
            made.append((path, thing))
    for path, thing in reversed(made):  # filling a directory touches it
        _set_attributes(path, thing)


def _make(path: bytes, thing: Thing, files: list[bytes]) -> None:
    if thing.kind == "dir":
        os.mkdir(path)
    elif thing.kind == "symlink":
        target = thing.data.replace(b"\0", b"x").replace(b"/", b"_")
        os.symlink(b"to " + target[:200], path)
    elif thing.kind == "fifo":
        os.mkfifo(path)
    elif thing.kind in ("char", "block"):
        kind = stat.S_IFCHR if thing.kind == "char" else stat.S_IFBLK
        os.mknod(path, kind, os.makedev(len(thing.data) + 1, thing.mode))
    elif thing.kind == "link" and files:
        os.link(files[-1], path)
    else:
        with open(path, "xb") as file:
            file.write(thing.data)
            file.truncate(len(thing.data) + thing.hole)
            file.seek(0, os.SEEK_END)
            file.write(thing.data[:10])
        files.append(path)


def _set_attributes(path: bytes, thing: Thing) -> None:
    os.chown(path, *thing.owner, follow_symlinks=False)
    status = os.lstat(path)
    if not stat.S_ISLNK(status.st_mode):
        os.chmod(path, thing.mode)
    if stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode):
        for name, value in thing.xattrs.items():
            os.setxattr(path, name, value)
    if thing.capable and stat.S_ISREG(status.st_mode):
        os.setxattr(path, "security.capability", CAPABILITY)
    os.utime(path, ns=(0, thing.time_ns), follow_symlinks=False)


def described(root: Path, unit: int = 1) -> dict[bytes, tuple[Any, ...]]:
    """All below a directory, times in ``unit`` nanoseconds, inodes by their first name."""
    found: dict[bytes, tuple[Any, ...]] = {}
    inodes: dict[int, bytes] = {}
    for path in sorted(_below(bytes(root))):
        status = os.lstat(path)
        name = path[len(bytes(root)) + 1 :]
        content: object = status.st_rdev
        if stat.S_ISREG(status.st_mode):
            content = hashlib.sha256(Path(os.fsdecode(path)).read_bytes()).hexdigest()
        elif stat.S_ISLNK(status.st_mode):
            content = os.readlink(path)
        first = inodes.setdefault(status.st_ino, name)
        attributes = (status.st_mode, status.st_uid, status.st_gid, status.st_mtime_ns // unit)
        found[name] = (*attributes, content, first, _xattrs(path))
    return found


def _below(directory: bytes) -> Iterator[bytes]:
    for entry in os.scandir(directory):
        yield entry.path
        if entry.is_dir(follow_symlinks=False):
            yield from _below(entry.path)


def _xattrs(path: bytes) -> dict[str, bytes]:
    names = os.listxattr(path, follow_symlinks=False)
    return {name: os.getxattr(path, name, follow_symlinks=False) for name in names}


@pytest.fixture
def place(scratch: Path) -> Callable[[], Path]:
    """Give a fresh directory for each example."""

    def fresh() -> Path:
        directory = scratch / str(next(NUMBERS))
        directory.mkdir()
        return directory

    return fresh


@BUDGET
@given(wanted=trees, chunk=st.integers(100, 70_000), in_place=st.booleans())
def test_packed_and_unpacked(
    place: Callable[[], Path], wanted: list[Thing], chunk: int, in_place: bool
) -> None:
    directory = place()
    make(directory / "tree", wanted)
    archive = b"".join(pack_tree(directory / "tree"))
    (directory / "copy").mkdir()
    whiteouts = InPlaceWhiteouts() if in_place else OverlayWhiteouts()
    unpack(chunked(archive, chunk), directory / "copy", whiteouts, LayerLimits())
    assert described(directory / "copy") == described(directory / "tree")
    assert b"".join(pack_tree(directory / "copy")) == archive
    shutil.rmtree(directory)


@BUDGET
@given(wanted=trees)
def test_gnu_tar_reads_what_we_pack(place: Callable[[], Path], wanted: list[Thing]) -> None:
    directory = place()
    make(directory / "tree", wanted)
    (directory / "copy").mkdir()
    packed = b"".join(pack_tree(directory / "tree"))
    subprocess.run(
        [*TAR, *WITH_XATTRS, "--delay-directory-restore", "-xpf", "-", "-C", directory / "copy"],
        input=packed,
        check=True,
        stderr=subprocess.DEVNULL,  # "implausibly old time stamp"
    )
    assert described(directory / "copy") == described(directory / "tree")
    shutil.rmtree(directory)


@BUDGET
@given(wanted=trees, form=st.sampled_from(["pax", "gnu"]), sparse=st.sampled_from(["0.0", "1.0"]))
def test_we_read_what_gnu_tar_packs(
    place: Callable[[], Path], wanted: list[Thing], form: str, sparse: str
) -> None:
    directory = place()
    if form == "gnu":  # it has no place for these
        wanted = [thing._replace(xattrs={}, capable=False) for thing in wanted]
    make(directory / "tree", wanted)
    options = [f"--format={form}", "--sparse"]
    options += [f"--sparse-version={sparse}", *WITH_XATTRS] if form == "pax" else []
    packed = subprocess.run(
        [*TAR, *options, "-c", "-f", "-", "-C", directory / "tree", "."],
        check=True,
        capture_output=True,
    ).stdout
    (directory / "copy").mkdir()
    unpack([packed], directory / "copy", OverlayWhiteouts(), LayerLimits())
    unit = 1 if form == "pax" else SECOND
    assert described(directory / "copy", unit) == described(directory / "tree", unit)
    shutil.rmtree(directory)
