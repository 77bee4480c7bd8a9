"""Committed layers have no blob: what comes to and goes from them all the same."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from boxship.engine.images.image import Image
from boxship.engine.storage.errors import CorruptContentError
from boxship.engine.storage.service import CapturedLayer, LayerInfo
from boxship.oci.image import ExecutionConfig
from tests.engine.images.conftest import House, HouseMaker
from tests.support.archives import archive, member
from tests.support.layers import captured, joined
from tests.support.registry import Registry

BASE = archive([member("etc", "dir"), member("etc/base", data=b"base" * 1000)])


async def stream(data: bytes) -> AsyncIterator[bytes]:
    yield data


async def make_base(house: House, name: str = "base:1") -> Image:
    repository, _, tag = name.rpartition(":")
    return await house.images.import_(
        stream(BASE), repository=repository, tag=tag, progress=lambda _: None
    )


async def commit(house: House, base: Image | None, name: str, files: dict[str, bytes]) -> Image:
    chain = base.chain_ids[-1] if base else None
    return await house.images.commit(
        lambda: captured(house.storage, chain, files),
        base=base.id if base else "",
        execution=ExecutionConfig(cmd=["x"]),
        repository=name,
    )


def content(house: House, image: Image, path: str) -> bytes:
    """Read a file of an image as a container would."""
    house.storage.create_container("reader", image.chain_ids[-1])
    try:
        return (house.storage.mount_container("reader") / path).read_bytes()
    finally:
        house.storage.remove_container("reader")


async def pull(house: House, name: str) -> Image:
    house.messages.clear()
    return await house.images.pull(name, progress=house.messages.append)


async def test_push_remove_and_pull(house: House, registry: Registry) -> None:
    name = f"{registry.host}/committed:v1"
    image = await commit(house, await make_base(house), name, {"etc/new": b"new" * 5000})
    await house.images.push(name, progress=house.messages.append)
    await house.images.remove(name)
    await house.images.settle()
    assert house.images.find(name) is None
    again = await pull(house, name)
    assert again.id == image.id
    assert again.chain_ids == image.chain_ids
    assert await asyncio.to_thread(content, house, again, "etc/new") == b"new" * 5000


async def test_a_pull_beside_the_committed_image(
    open_house: HouseMaker, registry: Registry
) -> None:
    """The unpacked layer serves both; the archive that was pulled is kept for the next push."""
    maker, house = open_house(), open_house()
    name = f"{registry.host}/beside:v1"
    made = await commit(maker, None, name, {"f": b"same" * 5000})
    saved = await joined(await maker.images.save([name]))
    await maker.images.push(name, progress=lambda _: None)
    await house.images.load(stream(saved), progress=lambda _: None)
    await house.images.remove(name)
    await house.images.load(stream(saved), progress=lambda _: None)
    pulled = await pull(house, name)
    assert pulled.id == made.id
    assert house.storage.content.has(pulled.blobs[0].digest)
    assert list(house.storage.layers()) == list(made.chain_ids)
    assert b"".join(house.storage.open_layer_tar(made.chain_ids[0])) in saved


async def test_saved_here_and_loaded_elsewhere(open_house: HouseMaker) -> None:
    here, there = open_house(), open_house()
    image = await commit(here, await make_base(here), "made:1", {"etc/new": b"1"})
    saved = await joined(await here.images.save(["made:1"]))
    (loaded,) = await there.images.load(stream(saved), progress=lambda _: None)
    assert (loaded.id, loaded.manifest_digest) == (image.id, image.manifest_digest)
    assert await asyncio.to_thread(content, there, loaded, "etc/new") == b"1"
    assert await joined(await there.images.save(["made:1"])) == saved


async def test_on_top_of_a_committed_image(house: House, registry: Registry) -> None:
    name = f"{registry.host}/tower:v1"
    first = await commit(house, await make_base(house), "first:1", {"etc/first": b"1"})
    second = await commit(house, first, name, {"etc/second": b"2"})
    assert second.parent == first.id
    assert second.chain_ids[:-1] == first.chain_ids
    await house.images.remove("first:1")
    await house.images.push(name, progress=lambda _: None)
    for path, data in {"etc/first": b"1", "etc/second": b"2", "etc/base": b"base" * 1000}.items():
        assert await asyncio.to_thread(content, house, second, path) == data
    await house.images.remove(name)
    await house.images.remove("base:1")
    await house.images.settle()
    assert house.leftovers() == ([], [])


async def test_two_images_share_a_committed_layer(house: House) -> None:
    base = await make_base(house)
    one = await commit(house, base, "one:1", {"etc/new": b"1"})
    layer = CapturedLayer(
        LayerInfo(one.chain_ids[-1], one.blobs[-1].diff_id, 1), one.blobs[-1].size
    )
    two = await house.images.commit(
        lambda: layer, base=base.id, execution=ExecutionConfig(cmd=["y"]), repository="two:1"
    )
    assert two.chain_ids == one.chain_ids
    await house.images.remove("one:1")
    await house.images.settle()
    assert await asyncio.to_thread(content, house, two, "etc/new") == b"1"
    await house.images.remove("two:1")
    await house.images.settle()
    assert list(house.storage.layers()) == list(base.chain_ids)


async def test_a_layer_whose_files_were_changed_is_not_given_away(house: House) -> None:
    image = await commit(house, None, "made:1", {"f": b"data"})
    tree = house.storage._driver.layout.layer_tree(image.chain_ids[0])
    (tree / "f").write_bytes(b"DATA")
    with pytest.raises(CorruptContentError, match="were changed on the disk"):
        await joined(await house.images.save(["made:1"]))
