"""Archives that would fill memory or disk stop at the limits of daemon.json."""

import gzip
import os
import re
import signal
import tarfile
import zlib
from pathlib import Path

import pytest

from tests.support.archives import archive, member
from tests.support.cli import boxship_cli
from tests.support.daemon import Daemon
from tests.support.fixtures import StartDaemon
from tests.support.waiting import wait_until

MIB = 1 << 20
LIMITS = {"max-layer-size": "8m", "max-layer-entries": 1000}


def bomb() -> bytes:
    """A gzip of about a megabyte that unpacks to a quarter of a gibibyte."""
    info = tarfile.TarInfo("zeros")
    info.size = 256 * MIB
    return packed(info.tobuf(tarfile.PAX_FORMAT), bytes(MIB), 256)


def many() -> bytes:
    """A gzip of a million entries."""
    return packed(b"", tarfile.TarInfo("f").tobuf(tarfile.USTAR_FORMAT) * 1000, 1000)


def packed(head: bytes, piece: bytes, count: int) -> bytes:
    packer = zlib.compressobj(1, wbits=31)
    pieces = [packer.compress(head), *(packer.compress(piece) for _ in range(count))]
    return b"".join([*pieces, packer.flush()])


def peak(daemon: Daemon) -> int:
    """The most memory that the daemon has ever had, in bytes."""
    status = Path(f"/proc/{daemon.pid}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found
    return int(found[1]) * 1024


@pytest.fixture
def daemon(start_daemon: StartDaemon) -> Daemon:
    return start_daemon(config=LIMITS)


def kept(daemon: Daemon) -> list[Path]:
    """Files of images and layers on the disk."""
    found = [path for path in (daemon.data_root / "content").rglob("*") if path.is_file()]
    for name in ("layers", "tmp", "trash"):
        found += (daemon.data_root / "overlay2" / name).iterdir()
    return found


def test_bombs_stop_at_the_limits(daemon: Daemon) -> None:
    boxship = boxship_cli(daemon.host, daemon.scratch / "home")
    boxship("import", "-", "warm", stdin=archive([member("f", data=b"1")]))
    boxship("rmi", "warm")
    wait_until(lambda: not kept(daemon))
    before = peak(daemon)
    big = boxship.fails("import", "-", "bomb", stdin=bomb())
    assert "the layer is larger than 8.389MB, the limit for one layer" in big
    crowd = boxship.fails("import", "-", "bomb", stdin=many())
    assert "the layer has more than 1000 entries, the limit for one layer" in crowd
    assert peak(daemon) - before < 64 * MIB
    wait_until(lambda: not kept(daemon))


def test_limits_are_read_again(daemon: Daemon) -> None:
    boxship = boxship_cli(daemon.host, daemon.scratch / "home")
    plain = archive([member("f", data=os.urandom(9 * MIB))])
    assert "larger than 8.389MB" in boxship.fails("import", "-", "x", stdin=gzip.compress(plain, 1))
    daemon.configure({**LIMITS, "max-layer-size": "16m"})
    os.kill(daemon.pid, signal.SIGHUP)
    wait_until(lambda: boxship.run("import", "-", "x", stdin=plain).returncode == 0)


def test_no_quota_is_promised(daemon: Daemon) -> None:
    boxship = boxship_cli(daemon.host, daemon.scratch / "home")
    boxship("pull", "-q", "busybox")
    refused = boxship.fails("create", "--storage-opt", "size=1G", "busybox")
    assert "--storage-opt is not supported for overlay2: the engine sets no quotas" in refused
    assert "Unknown option x" in boxship.fails("create", "--storage-opt", "x=1", "busybox")
    assert daemon.get("/containers/json?all=1") == []
