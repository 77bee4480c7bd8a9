"""The daemon, or the registry, ends in the middle of a push."""

import random
import threading
from collections.abc import AsyncIterator, Generator, Iterator
from pathlib import Path

import pytest

from boxship.engine.config import RegistryConfig
from boxship.engine.registry.body import FileBody
from boxship.entrypoints import base_image
from boxship.oci.image import ExecutionConfig
from tests.engine.images.conftest import HouseMaker
from tests.engine.images.hostile import Exchange, HostileRegistry
from tests.engine.images.test_archives import tar_of
from tests.support.cli import boxship_cli
from tests.support.fixtures import StartDaemon
from tests.support.registry import Registry


@pytest.fixture
def hostile() -> Iterator[HostileRegistry]:
    """A registry that has nothing of what is pushed."""
    registry = HostileRegistry(base_image.make_image([tar_of({"x": b"y"})], ExecutionConfig()))
    yield registry
    registry.close()


async def test_the_registry_is_killed_and_comes_back(
    open_house: HouseMaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The push goes on by itself and ends well."""
    registry = Registry(tmp_path / "registry")
    registry.start()
    house = open_house(RegistryConfig(max_download_attempts=20))
    name = f"{registry.host}/made"
    data = random.Random(1).randbytes(20_000_000)

    async def stream() -> AsyncIterator[bytes]:
        yield tar_of({"data": data})

    await house.images.import_(stream(), repository=name, tag="1", progress=lambda _: None)
    whole = FileBody.open
    starting = threading.Thread(target=registry.start)

    def killing(body: FileBody) -> Generator[bytes, None, None]:
        for chunk in whole(body):
            yield chunk
            if (body.size or 0) > 10_000_000 and not starting.ident:
                registry.kill()
                starting.start()

    monkeypatch.setattr(FileBody, "open", killing)
    await house.images.push(f"{name}:1", progress=house.messages.append)
    starting.join()
    assert any(status.startswith("Retrying in") for status in house.said())
    (layer,) = house.images.get(f"{name}:1").blobs
    assert registry.blob_path(layer.digest).read_bytes() == house.storage.content.read(layer.digest)
    registry.stop()
    other = open_house()
    registry.start()
    await other.images.pull(f"{name}:1", progress=other.messages.append)
    registry.stop()
    assert other.images.get(f"{name}:1").id == house.images.get(f"{name}:1").id


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
