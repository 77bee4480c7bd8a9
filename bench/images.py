"""Pull, pull again, load and remove an image out of a registry.

``REAL_IMAGE`` names it (``127.0.0.1:5000/real:1``); ``PULL_FLAGS`` is what the command needs to
reach a registry without TLS (``--tls-verify=false`` for podman).
"""

import os
import shlex
import subprocess
import tempfile
import time
from pathlib import Path

from harness import LABEL, RUNS, command, measure, quietly

IMAGE = os.environ.get("REAL_IMAGE", "127.0.0.1:5000/real:1")
FLAGS = shlex.split(os.environ.get("PULL_FLAGS", ""))
SETTLE_S = 2.0
"""Deleting in the background and the disk come to rest before the next run."""


def main() -> None:
    """Measure what takes seconds less often than what does not."""
    pull = command("pull", "-q", *FLAGS, IMAGE)
    few = min(RUNS, 5)
    measure("pull of the realistic image", pull, before=forget, runs=few)
    measure("pull again, nothing to do", pull)
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as directory:
        saved = Path(directory) / "saved.tar"
        quietly("save", "-o", str(saved), IMAGE)
        load = command("load", "-q", "-i", str(saved))
        measure("load of the realistic image", load, before=forget, runs=few)

        def load_again(_: int) -> None:
            subprocess.run(load, capture_output=True, stdin=subprocess.DEVNULL, check=True)
            rest()

        measure("rmi", command("rmi", IMAGE), before=load_again, runs=few)


def forget(_: int) -> None:
    """Remove the image and wait until its bytes are gone."""
    subprocess.run(command("rmi", "-f", IMAGE), capture_output=True, stdin=subprocess.DEVNULL)
    everything = ["-a"] if LABEL == "podman" else []
    quietly("image", "prune", "-f", *everything)
    rest()


def rest() -> None:
    """Let the disk finish what was written or deleted."""
    time.sleep(SETTLE_S)
    os.sync()


if __name__ == "__main__":
    main()
