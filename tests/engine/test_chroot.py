"""An engine whose root is not its mount namespace's."""

import os
import subprocess
import sys
from pathlib import Path

from boxship.linux import mount
from boxship.linux.namespaces import is_chrooted

ASK = (
    "import os, sys; os.chroot(sys.argv[1]); "
    "from boxship.linux.namespaces import is_chrooted; print(is_chrooted())"
)


def test_a_chroot_is_noticed(scratch: Path) -> None:
    assert not is_chrooted()
    root = scratch / "root"
    (root / "inner").mkdir(parents=True)
    mount.bind("/", root / "inner", recursive=True)
    try:
        for path, expected in ((root / "inner", "True"), (Path("/"), "False")):
            done = subprocess.run(
                [sys.executable, "-c", ASK, path],
                cwd=os.getcwd(),
                env={**os.environ, "PYTHONPATH": os.getcwd()},
                capture_output=True,
                text=True,
                check=True,
            )
            assert done.stdout.strip() == expected
    finally:
        mount.unmount(root / "inner", mount.MNT_DETACH)
