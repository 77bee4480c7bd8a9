"""Volumes of plugins, with a real plugin behind a socket."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from boxship.engine.events.service import EventService
from boxship.engine.plugins.plugin import PluginError
from boxship.engine.plugins.registry import PluginRegistry, Timeouts
from boxship.engine.state.database import Database
from boxship.engine.volumes.service import VolumeService
from boxship.errors import ConflictError, NotFoundError
from tests.support.volume_plugin import VolumePlugin

_HURRIED = Timeouts(call_s=0.5, long_s=0.5, patience_s=0.2)


@pytest.fixture
def plugin(scratch: Path) -> Iterator[VolumePlugin]:
    with VolumePlugin(scratch / "plugins", scratch / "shelf") as plugin:
        yield plugin


@pytest.fixture
def plugins(scratch: Path) -> PluginRegistry:
    return PluginRegistry((scratch / "plugins",), (scratch / "plugins",), _HURRIED)


@pytest.fixture
def volumes(
    tmp_path: Path, database: Database, events: EventService, plugins: PluginRegistry
) -> Iterator[VolumeService]:
    service = VolumeService(database, events, tmp_path, plugins)
    yield service
    service.close()


async def test_the_life_of_a_volume(
    volumes: VolumeService,
    plugin: VolumePlugin,
    database: Database,
    events: EventService,
    tmp_path: Path,
    plugins: PluginRegistry,
) -> None:
    volume = await volumes.make("data", "shelf", {"size": "3"}, {"a": "b"})
    assert (volume.driver, volume.scope) == ("shelf", "global")
    assert await volumes.make("data", "shelf") == await volumes.make("data") == volume
    with pytest.raises(ConflictError, match="driver 'shelf' already has volume 'data'"):
        await volumes.make("data", "local")
    volumes.acquire("data", "c1")
    await volumes.attach("data", "c1", destination="/d", read_write=True, propagation="")
    assert volumes.mountpoint("data") == plugin.shelf / "data"
    _, said = await volumes.describe("data")
    assert said.mountpoint == str(plugin.shelf / "data")
    assert said.status == {"options": {"size": "3"}}
    again = VolumeService(database, events, tmp_path, plugins)
    assert again.get("data") == volume
    await again.detach("c1")
    await again.detach("c1")
    assert plugin.users["data"] == []
    with pytest.raises(ConflictError, match=r"volume is in use - \[c1\]"):
        await again.discard("data", force=True)
    again.release("c1")
    await again.discard("data")
    again.close()
    assert not again.list({})
    assert plugin.volumes == {}
    assert plugin.methods().count("Mount") == plugin.methods().count("Unmount") == 1


async def test_a_copy_of_the_image_goes_to_the_plugin(
    volumes: VolumeService, plugin: VolumePlugin, tmp_path: Path
) -> None:
    (tmp_path / "root/srv").mkdir(parents=True)
    (tmp_path / "root/srv/f").write_text("1")
    await volumes.make("data", "shelf")
    await asyncio.to_thread(volumes.copy_up, "data", tmp_path / "root", "/srv")
    assert (plugin.shelf / "data/f").read_text() == "1"
    assert plugin.users["data"] == []


@pytest.mark.parametrize(
    ("method", "reply", "message"),
    [
        ("Create", b"", "broke the connection"),
        ("Create", b"garbage\r\n\r\n", "broke the connection"),
        ("Create", b"HTTP/1.1 500 X\r\n\r\nshelf is full", "VolumeDriver.Create: shelf is full"),
        ("Create", b'HTTP/1.1 200 X\r\n\r\n{"Err": "no room"}', "VolumeDriver.Create: no room"),
        ("Create", b"HTTP/1.1 200 X\r\n\r\n[1]", "no JSON object"),
        ("Create", b"HTTP/1.1 200 X\r\n\r\n{", "no JSON object"),
        ("Create", b"HTTP/1.1 200 X\r\n\r\n" + b" " * 5_000_000, "larger than"),
        ("Create", b"HTTP/1.1 200 X\r\nContent-Length: 9\r\n\r\n{", "broke the connection"),
    ],
)
async def test_nonsense_is_an_error(
    volumes: VolumeService, plugin: VolumePlugin, method: str, reply: bytes, message: str
) -> None:
    plugin.replies[f"VolumeDriver.{method}"] = reply
    with pytest.raises(PluginError, match=message):
        await volumes.make("data", "shelf")
    assert not volumes.list({})
    plugin.replies.clear()
    assert (await volumes.make("data", "shelf")).name == "data"


@pytest.mark.parametrize("place", ["", "/", "relative", "/does/not/exist", "/etc/passwd", 7])
async def test_a_place_that_is_none(
    volumes: VolumeService, plugin: VolumePlugin, place: object
) -> None:
    await volumes.make("data", "shelf")
    volumes.acquire("data", "c1")
    plugin.answers["VolumeDriver.Mount"] = {"Mountpoint": place}
    plugin.users["data"] = ["c1"]
    with pytest.raises(PluginError, match=r"error while mounting volume 'data': .* no directory"):
        await volumes.attach("data", "c1", destination="/d", read_write=True, propagation="")
    assert plugin.users["data"] == []


async def test_a_plugin_that_hangs_ends_only_its_own_call(
    volumes: VolumeService, plugin: VolumePlugin
) -> None:
    plugin.hanging.add("VolumeDriver.Create")
    hung = asyncio.create_task(volumes.make("data", "shelf"))
    assert await asyncio.to_thread(plugin.reached.wait, 10)
    with pytest.raises(ConflictError, match="is being created"):
        await volumes.make("data", "shelf")
    assert volumes.create("other").name == "other"
    with pytest.raises(PluginError, match=r"plugin shelf at unix://.*: no answer within 0.5 s"):
        await hung
    assert not volumes.has("data")


async def test_a_plugin_that_dies(volumes: VolumeService, scratch: Path) -> None:
    with VolumePlugin(scratch / "plugins", scratch / "shelf") as plugin:
        await volumes.make("data", "shelf")
        socket_kept = plugin.socket
        socket_kept.rename(scratch / "kept.sock")
    (scratch / "kept.sock").rename(socket_kept)  # nobody listens there any more
    with pytest.raises(PluginError, match=r"remove data: .*cannot be reached: Connection refused"):
        await volumes.discard("data")
    assert volumes.has("data")
    await volumes.discard("data", force=True)
    assert not volumes.has("data")


async def test_plugins_of_another_kind(volumes: VolumeService, plugin: VolumePlugin) -> None:
    plugin.answers["Plugin.Activate"] = {"Implements": ["NetworkDriver"]}
    with pytest.raises(NotFoundError, match='"shelf" does not implement VolumeDriver, but Netw'):
        await volumes.make("data", "shelf")
    for name in ("nope", "../shelf", "a/../../b", ""):
        if name:
            with pytest.raises(NotFoundError, match="error looking up volume plugin"):
                await volumes.make("data", name)


async def test_plugins_that_a_file_names(
    volumes: VolumeService, plugin: VolumePlugin, scratch: Path
) -> None:
    (scratch / "plugins/by-spec.spec").write_text(f"unix://{plugin.socket}\n")
    document = {"Name": "by-json", "Addr": f"unix://{plugin.socket}"}
    (scratch / "plugins/by-json.json").write_text(json.dumps(document))
    (scratch / "plugins/odd.spec").write_text("ftp://example.com")
    for name in ("by-spec", "by-json"):
        assert (await volumes.make(f"of-{name}", name)).driver == name
    with pytest.raises(PluginError, match=r"names the address 'ftp://example.com'"):
        await volumes.make("data", "odd")
