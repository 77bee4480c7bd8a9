"""fuse-overlayfs: one process for each mount, on kernels that have FUSE."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from boxship.engine.storage.service import StorageService
from boxship.errors import NotSupportedError
from tests.support.archives import archive, member
from tests.support.waiting import wait_until

DRIVER = "fuse-overlayfs"
LAYER = archive([member("etc", "dir"), member("etc/f", data=b"x" * 1000)])


def servers(data_root: Path) -> list[int]:
    """Process ids of the fuse-overlayfs of a data root."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            words = Path(f"/proc/{name}/cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if words[0].endswith(b"fuse-overlayfs") and any(bytes(data_root) in w for w in words):
            found.append(int(name))
    return found


@pytest.fixture
def fuse_root(tmp_path: Path) -> Iterator[Path]:
    root = tmp_path / "root"
    yield root
    wait_until(lambda: not servers(root))


def test_the_server_of_a_mount_ends_with_it(fuse_root: Path) -> None:
    storage = StorageService(fuse_root, DRIVER)
    chain = storage.apply_layer([LAYER], parent=None).chain_id
    storage.create_container("one", chain)
    rootfs = storage.mount_container("one")
    wait_until(lambda: len(servers(fuse_root)) == 1)  # the one of the probe has gone
    with (rootfs / "etc/f").open("rb") as file:
        storage.unmount_container("one")
        storage.wait_background()
        assert len(servers(fuse_root)) == 1, "somebody still reads"
        assert len(file.read()) == 1000
    wait_until(lambda: not servers(fuse_root))
    storage.mount_container("one", volatile=True)
    storage.remove_container("one")
    storage.wait_background()
    storage.close()


_CHILD = """
import sys
from pathlib import Path
from boxship.engine.storage.service import StorageService

storage = StorageService(Path(sys.argv[1]), "fuse-overlayfs")
chain = storage.apply_layer([Path(sys.argv[2]).read_bytes()], parent=None).chain_id
storage.create_container("one", chain)
(storage.mount_container("one") / "mine").write_text("1")
print("mounted", flush=True)
sys.stdin.read()
"""


def test_mounts_outlive_a_killed_engine(fuse_root: Path, tmp_path: Path) -> None:
    (tmp_path / "layer.tar").write_bytes(LAYER)
    with subprocess.Popen(
        [sys.executable, "-c", _CHILD, fuse_root, tmp_path / "layer.tar"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "mounted\n"
        child.send_signal(signal.SIGKILL)
    rootfs = fuse_root / DRIVER / "merged/one"
    assert (rootfs / "mine").read_text() == "1"
    again = StorageService(fuse_root)
    assert again.driver_name == DRIVER
    assert again.is_mounted("one")
    assert again.mount_container("one") == rootfs
    os.rename(fuse_root / DRIVER / "containers/one", fuse_root / DRIVER / "trash/cut-off")
    again.close()
    last = StorageService(fuse_root)
    assert not rootfs.exists()
    last.close()


def test_a_killed_server_is_replaced(fuse_root: Path) -> None:
    storage = StorageService(fuse_root, DRIVER)
    chain = storage.apply_layer([LAYER], parent=None).chain_id
    storage.create_container("one", chain)
    rootfs = storage.mount_container("one")
    wait_until(lambda: len(servers(fuse_root)) == 1)
    os.kill(servers(fuse_root)[0], signal.SIGKILL)
    wait_until(lambda: not storage.is_mounted("one"))
    assert (storage.mount_container("one") / "etc/f").exists()
    os.kill(servers(fuse_root)[0], signal.SIGKILL)
    wait_until(lambda: not servers(fuse_root))
    storage.remove_container("one")
    storage.wait_background()
    assert not os.path.lexists(rootfs)
    storage.close()


def test_a_path_that_cannot_be_told(tmp_path: Path) -> None:
    with pytest.raises(NotSupportedError, match="a colon, comma or backslash is in the path"):
        StorageService(tmp_path / "a:b", DRIVER)
