"""The daemon, or the registry, ends in the middle of a push."""

import random
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from boxship.entrypoints import base_image
from boxship.oci.image import ExecutionConfig
from tests.engine.images.hostile import Exchange, HostileRegistry
from tests.engine.images.test_archives import tar_of
from tests.support.cli import boxship_cli
from tests.support.fixtures import StartDaemon


@pytest.fixture
def hostile() -> Iterator[HostileRegistry]:
    """A registry that has nothing of what is pushed."""
    registry = HostileRegistry(base_image.make_image([tar_of({"x": b"y"})], ExecutionConfig()))
    yield registry
    registry.close()


@pytest.mark.parametrize("end", ["kill", "stop"])
def test_the_daemon_ends(
    start_daemon: StartDaemon, hostile: HostileRegistry, tmp_path: Path, end: str
) -> None:
    """The image stays as it was, and the next push brings it whole."""
    daemon = start_daemon()
    cli = boxship_cli(daemon.host, tmp_path)
    name = f"{hostile.host}/made:1"
    archive = tmp_path / "root.tar"
    archive.write_bytes(tar_of({"data": random.Random(1).randbytes(3_000_000)}))
    cli("import", str(archive), name)
    reached = threading.Event()

    def stall(exchange: Exchange) -> bool:
        if exchange.command != "PUT":
            return False
        reached.set()
        hostile.released.wait(30)
        return True

    hostile.hooks["/uploads/"] = stall
    pushing = cli.start("push", name)
    assert reached.wait(20)
    getattr(daemon, end)()
    assert pushing.wait(20) != 0
    hostile.released.set()
    hostile.hooks.clear()
    daemon.start()
    assert "1: digest: sha256:" in cli("push", name)
    assert hostile.uploads.manifests
    assert cli("images", "-q", name)
