"""Examining, squashing and mounting images, on drivers with and without layers apart."""

import stat
import tarfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from boxship.engine.config import RegistryConfig
from boxship.engine.events import service as event_service
from boxship.engine.events.service import EventService
from boxship.engine.images import store as image_store
from boxship.engine.images.examine.report import FileDifference, WasteKind
from boxship.engine.images.image import Image
from boxship.engine.images.service import ImageService
from boxship.engine.state.database import Database
from boxship.engine.storage.service import StorageService
from boxship.engine.storage.snapshots.contents import LayerContents, LayerFile
from boxship.entrypoints import base_image
from boxship.errors import BoxshipError, ConflictError, InvalidParameterError, NotFoundError
from boxship.linux import mount
from boxship.oci.image import ExecutionConfig
from tests.engine.images.conftest import House
from tests.engine.images.test_archives import stream
from tests.support.archives import MTIME, archive, member

MIGRATIONS = (*event_service.MIGRATIONS, *image_store.MIGRATIONS)
DPKG = b"Package: a\nStatus: install ok installed\nVersion: 1\n\nPackage: b\nVersion: 1\n\n"
BASE = archive(
    [
        member("etc", "dir"),
        member("etc/a", data=b"a"),
        member("etc/b", data=b"bb"),
        member("usr", "dir"),
        member("usr/deep", "dir"),
        member("usr/deep/x", data=b"x" * 1000),
        member("usr/deep/y", data=b"y" * 10),
        member("var", "dir"),
        member("var/lib", "dir"),
        member("var/lib/dpkg", "dir"),
        member("var/lib/dpkg/status", data=DPKG),
        member("link", "symlink", linkname="etc/a"),
        member("one", data=b"1" * 100),
        member("two", "hardlink", linkname="one"),
    ]
)


def later(
    name: str, kind: str = "file", data: bytes = b"", **fields: object
) -> tuple[tarfile.TarInfo, bytes]:
    """A member of a higher layer; drivers that compare trees see a change by its time."""
    return member(name, kind, data, **{"mtime": MTIME + 1, **fields})


MIDDLE = archive(
    [
        later("etc", "dir"),
        later("etc/a", data=b"A"),
        later("etc/big", data=b"z" * 5000),
        later("etc/new", data=b"n"),
        later("new", "dir"),
        later("new/f", data=b"f"),
        later("root", "dir"),
        later("root/.cache", "dir"),
        later("root/.cache/pip", "dir"),
        later("root/.cache/pip/wheel", data=b"w" * 50),
    ]
)
TOP = archive(
    [
        later("etc", "dir"),
        later("etc/.wh.big"),
        later("etc/b", data=b"bb", mode=0o600, uid=5),
        later("usr", "dir"),
        later("usr/.wh.deep"),
        later("usr/deep", "dir"),
        later("usr/deep/y", data=b"why"),
        later("new", data=b"now a file"),
        later("var/lib/dpkg/status", data=DPKG.replace(b"Version: 1", b"Version: 2", 1)),
        later("link", "symlink", linkname="etc/b"),
        later(".wh.one"),
    ]
)


@pytest.fixture(params=["overlay2", "vfs"])
async def house(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[House]:
    """A house on each kind of driver."""
    house = open_house(tmp_path / "house", request.param)
    await house.images.open()
    yield house
    for found in house.images.extras.mounter.mounts():
        await house.images.extras.mounter.unmount(found.target)
    await close(house)
    assert not [one for one in mount.mount_points() if str(tmp_path) in one.target]


def open_house(root: Path, driver: str) -> House:
    """Open the image service of a data root."""
    storage = StorageService(root, driver)
    database = Database.open(root / "state.db", MIGRATIONS)
    events = EventService(database)
    return House(
        root, storage, database, events, ImageService(database, events, storage, RegistryConfig())
    )


async def close(house: House) -> None:
    """Close it, as at the end of the engine."""
    await house.images.close()
    house.storage.wait_background()
    house.storage.close()
    house.database.close()


async def load(house: House, name: str, *layers: bytes) -> Image:
    """Load an image of layers."""
    execution = ExecutionConfig(cmd=["sh"], env=["A=1", "B=2"], labels={"x": "1"})
    made = base_image.make_image(layers, execution)
    data = base_image.docker_archive(made, name)
    (image,) = await house.images.load(stream(data), progress=house.messages.append)
    return image


async def whole(house: House) -> Image:
    """The image of all three layers; its bases have names."""
    await load(house, "base:1", BASE)
    await load(house, "middle:1", BASE, MIDDLE)
    return await load(house, "whole:1", BASE, MIDDLE, TOP)


def told(files: tuple[FileDifference, ...]) -> dict[str, str]:
    """Path → A, D, or what changed."""
    return {
        file.path: "A" if not file.before else "D" if not file.after else ",".join(file.changed)
        for file in files
    }


async def test_what_differs(house: House) -> None:
    await whole(house)
    found = await house.images.extras.diff("base:1", "whole:1")
    assert told(found.files) == {
        "/etc/a": "content",
        "/etc/b": "mode,owner",
        "/etc/new": "A",
        "/link": "link",
        "/new": "A",
        "/one": "D",
        "/root": "A",
        "/root/.cache": "A",
        "/root/.cache/pip": "A",
        "/root/.cache/pip/wheel": "A",
        "/usr/deep/x": "D",
        "/usr/deep/y": "size,content",
        "/var/lib/dpkg/status": "content",
    }
    assert [(one.kind, one.name, one.before, one.after) for one in found.packages] == [
        ("deb", "a", "1", "2")
    ]
    assert [layer.shared for layer in found.after_layers] == [True, False, False]
    back = await house.images.extras.diff("whole:1", "base:1")
    swapped = {"A": "D", "D": "A"}
    assert told(back.files) == {
        path: swapped.get(what, what) for path, what in told(found.files).items()
    }


async def test_layers_that_both_have_are_not_read(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = await whole(house)
    read: list[str] = []
    files = LayerContents.files

    def watched(self: LayerContents, chain: str) -> Iterator[LayerFile]:
        read.append(chain)
        return files(self, chain)

    monkeypatch.setattr(LayerContents, "files", watched)
    await house.images.extras.diff("middle:1", "whole:1")
    assert read == [image.chain_ids[2]]


async def test_configurations_differ_field_by_field(house: House) -> None:
    first = base_image.make_image([BASE], ExecutionConfig(env=["A=1", "B=2"], cmd=["x"]))
    second = base_image.make_image(
        [BASE], ExecutionConfig(env=["A=1", "B=3"], labels={"l": "v"}, exposed_ports={"80/tcp": {}})
    )
    for name, made in (("one:1", first), ("two:1", second)):
        data = base_image.docker_archive(made, name)
        await house.images.load(stream(data), progress=house.messages.append)
    found = await house.images.extras.diff("one:1", "two:1")
    assert [(one.field, one.before, one.after) for one in found.config] == [
        ("Cmd", '["x"]', None),
        ("Env.B", "2", "3"),
        ("ExposedPorts.80/tcp", None, "80/tcp"),
        ("Labels.l", None, "v"),
    ]
    assert found.files == ()


async def test_images_without_a_common_layer(house: House) -> None:
    await load(house, "a:1", archive([member("f", data=b"1"), member("g", data=b"1")]))
    await load(house, "b:1", archive([member("f", data=b"1", mtime=5), member("h", data=b"1")]))
    found = await house.images.extras.diff("a:1", "b:1")
    assert told(found.files) == {"/g": "D", "/h": "A"}


async def test_files_with_their_layers(house: House) -> None:
    await whole(house)
    listing = await house.images.extras.files("whole:1", "/usr")
    assert [(file.path, file.layer) for file in listing.files] == [
        ("/usr", 2),
        ("/usr/deep", 2),
        ("/usr/deep/y", 2),
    ]
    everything = await house.images.extras.files("whole:1", "etc", versions=True)
    versions = [
        (file.path, file.layer, "gone" if file.state is None else "hidden" if file.hidden else "")
        for file in everything.files
    ]
    assert [one for one in versions if one[0] != "/etc"] == [
        ("/etc/a", 1, ""),
        ("/etc/a", 0, "hidden"),
        ("/etc/b", 2, ""),
        ("/etc/b", 0, "hidden"),
        ("/etc/big", 2, "gone"),
        ("/etc/big", 1, "hidden"),
        ("/etc/new", 1, ""),
    ]
    with pytest.raises(NotFoundError, match="no such file in the image: /nowhere"):
        await house.images.extras.files("whole:1", "nowhere")
    with pytest.raises(NotFoundError, match="without dots"):
        await house.images.extras.files("whole:1", "etc/../usr")


async def test_what_layers_hide(house: House) -> None:
    await whole(house)
    waste = await house.images.extras.waste("whole:1")
    assert [(layer.layer, layer.created_by) for layer in waste.layers] == [
        (2, "layer 3"),
        (1, "layer 2"),
    ]
    top, middle = waste.layers
    assert [(file.path, file.kind, file.size) for file in top.files] == [
        ("/etc/big", WasteKind.REMOVED, 5000),
        ("/usr/deep/x", WasteKind.REMOVED, 1000),
        ("/var/lib/dpkg/status", WasteKind.REPLACED, len(DPKG)),
        ("/usr/deep/y", top.files[3].kind, 10),
        ("/etc/b", WasteKind.ATTRIBUTES, 2),
        ("/new/f", WasteKind.REMOVED, 1),
    ]  # /one is no waste: /two shows the same bytes
    assert [(file.path, file.layer) for file in middle.files] == [("/etc/a", 0)]
    assert waste.wasted == 5000 + 1000 + len(DPKG) + 10 + 2 + 1 + 1
    assert 0 < waste.efficiency < 0.5
    assert any("COPY --chown" in advice for advice in top.advice)
    assert any("pip install --no-cache-dir" in advice for advice in waste.advice)
    large = await house.images.extras.waste("whole:1", min_size=1000)
    assert [file.path for file in large.layers[0].files] == ["/etc/big", "/usr/deep/x"]
    assert large.wasted == waste.wasted


@pytest.mark.parametrize("base", ["base:1", "1", "layer", "0"])
async def test_a_squashed_image_shows_the_same_files(house: House, base: str) -> None:
    image = await whole(house)
    wanted = image.layers[0] if base == "layer" else base
    squashed = await house.images.extras.squash("whole:1", wanted, "small:1")
    again = await house.images.extras.squash("whole:1", wanted)
    assert again.id == squashed.id
    found = await house.images.extras.diff("whole:1", "small:1")
    assert told(found.files) == {}
    assert (found.packages, found.config) == ((), ())
    kept = 0 if base == "0" else 1
    assert squashed.layers[:kept] == image.layers[:kept]
    assert len(squashed.layers) == kept + 1
    steps = squashed.config.history
    assert [step.empty_layer for step in steps].count(False) == kept + 1
    assert steps[-1].created == image.config.created
    assert house.images.get("small:1").id == squashed.id
    if base == "0":
        assert (await house.images.extras.waste("small:1")).wasted == 0


@pytest.mark.parametrize(
    ("base", "error", "message"),
    [
        ("3", InvalidParameterError, "nothing to squash"),
        ("4", InvalidParameterError, "the image has 3 layers"),
        ("nowhere", NotFoundError, "no base nowhere: give the number"),
        ("other:1", InvalidParameterError, "was not built on other:1"),
    ],
)
async def test_bases_that_are_none(
    house: House, base: str, error: type[BoxshipError], message: str
) -> None:
    await whole(house)
    await load(house, "other:1", TOP)
    with pytest.raises(error, match=message):
        await house.images.extras.squash("whole:1", base)


async def test_a_mounted_image(house: House, tmp_path: Path) -> None:
    await whole(house)
    mounter = house.images.extras.mounter
    found = await mounter.mount("whole:1")
    root = Path(found.target)
    assert (root / "etc/a").read_text() == "A"
    assert not (root / "usr/deep/x").exists()
    assert stat.S_IMODE((root / "etc/b").stat().st_mode) == 0o600
    with pytest.raises(OSError, match="Read-only"):
        (root / "etc/a").write_text("x")
    assert (await mounter.mount("whole:1")).target == found.target
    place = tmp_path / "place"
    named = await mounter.mount("whole:1", str(place))
    assert (place / "new").read_text() == "now a file"
    assert [one.target for one in mounter.mounts()] == [found.target, named.target]
    await mounter.unmount(str(place))
    assert not place.exists()
    await mounter.unmount("whole:1")
    assert not root.exists()
    assert house.storage.view_ids() == []


async def test_a_mounted_image_is_not_removed(house: House, tmp_path: Path) -> None:
    image = await whole(house)
    place = tmp_path / "place"
    place.mkdir()
    await house.images.extras.mounter.mount("whole:1", str(place))
    reason = f"cannot be forced.*image is mounted at {place}: undo that with boxship image unmount"
    for text, force in (("whole:1", False), ("whole:1", True), (image.id, True)):
        with pytest.raises(ConflictError, match=reason):
            await house.images.remove(text, force=force)
    assert house.images.get("whole:1").id == image.id
    await house.images.extras.mounter.unmount(image.id)
    assert place.is_dir()  # it was there before
    await house.images.remove("whole:1")


async def test_mounts_outlive_the_engine(tmp_path: Path) -> None:
    root = tmp_path / "own"
    first = open_house(root, "overlay2")
    await first.images.open()
    await load(first, "base:1", BASE)
    stays = await first.images.extras.mounter.mount("base:1", str(tmp_path / "stays"))
    goes = await first.images.extras.mounter.mount("base:1", str(tmp_path / "goes"))
    await close(first)
    mount.unmount(goes.target)  # as a reboot would
    second = open_house(root, "overlay2")
    await second.images.open()
    mounter = second.images.extras.mounter
    assert [one.target for one in mounter.mounts()] == [stays.target]
    assert (tmp_path / "stays/etc/a").read_text() == "a"
    assert not (tmp_path / "goes").exists()
    await mounter.unmount(stays.target)
    await close(second)
    assert not [one for one in mount.mount_points() if str(tmp_path) in one.target]


async def test_places_where_no_image_can_be_mounted(house: House, tmp_path: Path) -> None:
    await whole(house)
    mount_image = house.images.extras.mounter.mount
    (tmp_path / "full").mkdir()
    (tmp_path / "full/file").touch()
    with pytest.raises(ConflictError, match="is not empty"):
        await mount_image("whole:1", str(tmp_path / "full"))
    with pytest.raises(InvalidParameterError, match="is no directory"):
        await mount_image("whole:1", str(tmp_path / "full/file"))
    with pytest.raises(InvalidParameterError, match="cannot make the directory"):
        await mount_image("whole:1", str(tmp_path / "no/such/place"))
    with pytest.raises(InvalidParameterError, match="is no absolute path"):
        await mount_image("whole:1", "relative")
    with pytest.raises(NotFoundError, match="No such image"):
        await mount_image("nothing:1")
    await mount_image("whole:1", str(tmp_path / "once"))
    with pytest.raises(ConflictError, match=r"mounted at .*once already|is not empty"):
        await mount_image("whole:1", str(tmp_path / "once"))
    with pytest.raises(NotFoundError, match="no image is mounted at"):
        await house.images.extras.mounter.unmount(str(tmp_path))
    with pytest.raises(NotFoundError, match="is not mounted"):
        await house.images.extras.mounter.unmount("base:1")
    assert len(house.images.extras.mounter.mounts()) == 1
    assert len(house.storage.view_ids()) == 1
