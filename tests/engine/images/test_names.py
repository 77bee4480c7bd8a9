"""Finding, listing, tagging, removing and pruning images."""

import asyncio

import pytest

from boxship.engine.events.event import Event
from boxship.engine.images.image import ContainerUse, Image, Removed
from boxship.entrypoints import base_image
from boxship.errors import ConflictError, InvalidParameterError, NotFoundError
from boxship.ids import short_id
from boxship.oci.image import ExecutionConfig
from tests.engine.images.conftest import House
from tests.engine.images.test_archives import load, stream, tar_of
from tests.support.layers import captured
from tests.support.registry import Registry, push_image

MISSING = "0" * 64


async def add(house: House, *names: str, label: str = "") -> Image:
    """Load a small image with these names; another label makes another image."""
    layer = tar_of({"etc/hostname": b"box"})
    labels = {"kind": label} if label else {}
    made = base_image.make_image([layer], ExecutionConfig(cmd=["sh"], labels=labels))
    (image,) = await load(house, base_image.docker_archive(made, *names))
    return image


async def test_an_image_is_found_by_all_its_names(house: House) -> None:
    image = await add(house, "app:1", "app:latest", "example.com/team/app:2")
    encoded = image.id.removeprefix("sha256:")
    for name in ("app", "app:1", "docker.io/library/app", "example.com/team/app:2"):
        assert house.images.get(name).id == image.id
    for name in (image.id, encoded, encoded[:12], f"sha256:{encoded[:6]}", encoded[:3]):
        assert house.images.get(name).id == image.id


@pytest.mark.parametrize("name", ["nothing", "app:3", MISSING, f"sha256:{MISSING}", "abcdef012345"])
async def test_what_is_not_there(house: House, name: str) -> None:
    await add(house, "app:1")
    with pytest.raises(NotFoundError, match="No such image: "):
        house.images.get(name)
    assert house.images.find(name) is None


async def test_an_ambiguous_beginning_of_an_id(house: House) -> None:
    seen: dict[str, str] = {}
    for number in range(40):  # of 17 ids two begin with the same digit
        image = await add(house, label=str(number))
        digit = image.id.removeprefix("sha256:")[0]
        if digit in seen:
            with pytest.raises(InvalidParameterError, match="multiple IDs found"):
                house.images.get(digit)
            return
        seen[digit] = image.id


async def test_another_platform_is_not_it(house: House) -> None:
    await add(house, "app:1")
    with pytest.raises(NotFoundError) as caught:
        house.images.get("app:1", "linux/s390x")
    assert str(caught.value).startswith(
        "image with reference app:1 was found but does not provide the specified platform "
        "(linux/s390x): it is here for linux/"
    )


async def test_tags_move(house: House) -> None:
    first = await add(house, "app:1", label="a")
    second = await add(house, "app:2", label="b")
    house.images.tag("app:1", "app:2")
    assert house.images.get("app:2").id == first.id
    assert house.images.get(second.id).repo_tags == ()
    assert house.images.get(first.id).repo_tags == ("app:1", "app:2")
    with pytest.raises(NotFoundError):
        house.images.tag("nothing", "app:9")
    with pytest.raises(InvalidParameterError):
        house.images.tag("app:1", "UPPER")


async def test_filters(house: House) -> None:
    await add(house, "app:1", "other/app:1", label="a")
    await add(house, "web:1", label="b")
    dangling = await add(house, label="c")

    def names(**filters: str) -> list[str]:
        given = {key: (value,) for key, value in filters.items()}
        return sorted(name for row in house.images.list(given) for name in row.repo_tags)

    assert names() == ["app:1", "other/app:1", "web:1"]
    assert names(label="kind=b") == ["web:1"]
    assert names(label="kind", reference="*:1") == ["app:1", "web:1"]
    assert names(reference="*/app") == ["other/app:1"]
    assert names(reference="docker.io/library/web:*") == ["web:1"]
    assert names(dangling="false") == names()
    assert [row.id for row in house.images.list({"dangling": ("true",)})] == [dangling.id]
    assert names(before="app:1") == []
    assert names(until="1h") == names()
    with pytest.raises(InvalidParameterError, match="invalid filter 'colour'"):
        names(colour="red")
    with pytest.raises(InvalidParameterError):
        names(dangling="perhaps")


async def test_sizes(house: House) -> None:
    await add(house, "app:1", label="a")
    await add(house, "app:2", label="b")
    rows = house.images.list(shared_size=True)
    assert [(row.size, row.shared_size, row.containers) for row in rows] == [(3, 3, -1)] * 2


async def test_removing_names_then_the_image(house: House) -> None:
    image = await add(house, "app:1", "app:2")
    assert await house.images.remove("app:1") == [Removed(untagged="app:1")]
    assert await house.images.remove("app:2") == [
        Removed(untagged="app:2"),
        Removed(deleted=image.id),
        Removed(deleted=image.chain_ids[0]),
    ]
    await house.images.settle()
    assert house.leftovers() == ([], [])
    with pytest.raises(NotFoundError, match="No such image: app:2"):
        await house.images.remove("app:2")


async def test_layers_of_other_images_stay(house: House) -> None:
    first = await add(house, "app:1", label="a")
    second = await add(house, "app:2", label="b")
    removed = await house.images.remove("app:1")
    assert removed == [Removed(untagged="app:1"), Removed(deleted=first.id)]
    await house.images.settle()
    assert house.storage.has_layer(second.chain_ids[0])
    assert house.storage.content.has(second.blobs[0].digest)
    assert not house.storage.content.has(first.id)


async def test_by_id_with_several_names(house: House) -> None:
    image = await add(house, "app:1", "web:1")
    with pytest.raises(ConflictError) as caught:
        await house.images.remove(short_id(image.id))
    assert str(caught.value) == (
        f"conflict: unable to delete {short_id(image.id)} (must be forced) - image is referenced "
        "in multiple repositories"
    )
    removed = await house.images.remove(short_id(image.id), force=True)
    assert removed[:3] == [
        Removed(untagged="app:1"),
        Removed(untagged="web:1"),
        Removed(deleted=image.id),
    ]


async def test_images_of_containers(house: House) -> None:
    image = await add(house, "app:1")
    uses = [ContainerUse("c" * 64, running=False)]
    house.images.set_usage(lambda image_id: uses if image_id == image.id else [])
    with pytest.raises(ConflictError) as caught:
        await house.images.remove("app:1")
    assert str(caught.value) == (
        'conflict: unable to remove repository reference "app:1" (must force) - container '
        f"cccccccccccc is using its referenced image {short_id(image.id)}"
    )
    with pytest.raises(ConflictError, match=r"must be forced.*used by stopped container c{12}"):
        await house.images.remove(image.id)
    uses[0] = ContainerUse("c" * 64, running=True)
    with pytest.raises(ConflictError, match=r"cannot be forced.*used by running container c{12}"):
        await house.images.remove(image.id, force=True)
    assert await house.images.remove("app:1", force=True) == [Removed(untagged="app:1")]
    assert house.images.get(image.id).is_dangling


async def test_layers_below_a_container_stay_until_it_goes(house: House) -> None:
    image = await add(house, "app:1")
    house.storage.create_container("c" * 64, image.chain_ids[-1])
    await house.images.remove("app:1", force=True)
    await house.images.settle()
    assert house.storage.has_layer(image.chain_ids[0])
    house.storage.remove_container("c" * 64)
    house.images.reclaim_layers(image.chain_ids)
    await house.images.settle()
    assert house.leftovers() == ([], [])


async def test_digests_go_with_the_last_tag(house: House, registry: Registry) -> None:
    name = push_image(registry, "app:gone").familiar
    image = await house.images.pull(name, progress=house.messages.append)
    removed = await house.images.remove(name)
    assert removed[:2] == [Removed(untagged=name), Removed(untagged=image.repo_digests[0])]
    assert removed[2] == Removed(deleted=image.id)
    await house.images.settle()
    assert house.leftovers() == ([], [])


async def test_parents(house: House) -> None:
    base = await add(house, "base:1")
    child = await house.images.commit(
        lambda: captured(house.storage, base.chain_ids[-1], {"new": b"x"}),
        base=base.id,
        execution=base.config.config,
        repository="child:1",
    )
    with pytest.raises(ConflictError, match=r"cannot be forced.* has dependent child images"):
        await house.images.remove(base.id, force=True)
    await house.images.remove("base:1")
    assert [row.id for row in house.images.list()] == [child.id]
    assert {row.id for row in house.images.list(all=True)} == {base.id, child.id}
    removed = await house.images.remove("child:1")
    assert Removed(deleted=base.id) in removed
    await house.images.settle()
    assert house.leftovers() == ([], [])


async def test_prune(house: House) -> None:
    kept = await add(house, "app:1", label="a")
    dangling = await add(house, label="b")
    report = await house.images.prune()
    assert report.removed == (Removed(deleted=dangling.id),)
    house.images.set_usage(
        lambda image_id: [ContainerUse("c", running=False)] if image_id == kept.id else []
    )
    assert (await house.images.prune({"dangling": ("false",)})).removed == ()
    house.images.set_usage(lambda _: [])
    report = await house.images.prune({"dangling": ("false",), "label": ("kind=a",)})
    assert report.space_reclaimed == 3
    assert house.images.list() == []


async def test_a_removed_image_can_come_back_at_once(house: House) -> None:
    for _ in range(5):
        image = await add(house, "app:1")
        await house.images.remove("app:1")
        again = await add(house, "app:1")
        assert again.id == image.id
        assert house.storage.has_layer(again.chain_ids[0])
        assert house.storage.content.has(again.id)


async def test_events(house: House) -> None:
    image = await add(house, "app:1")
    house.images.tag("app:1", "app:2")
    await house.images.remove("app:1")
    await house.images.remove("app:2")
    await house.images.import_(stream(tar_of({"a": b"b"})), progress=house.messages.append)
    seen: list[Event] = []
    now = 1 << 62
    async with asyncio.timeout(5):
        async for event in house.events.subscribe(0, now, {}):
            seen.append(event)
            if event.action == "import":
                break
    assert [event.action for event in seen] == ["load", "tag", "untag", "untag", "delete", "import"]
    assert seen[1].actor_id == image.id
    assert seen[1].attributes["name"] == "app:2"


async def test_what_a_crash_left_is_swept(house: House) -> None:
    image = await add(house, "app:1")
    house.storage.content.put(b"left behind")
    house.storage.apply_layer([tar_of({"x": b"y"})], parent=None)
    await house.images.open()
    await house.images.settle()
    digests, chains = house.leftovers()
    assert chains == list(image.chain_ids)
    assert sorted(digests) == sorted({image.id, image.manifest_digest, image.blobs[0].digest})


async def test_a_lost_layer_is_unpacked_again(house: House) -> None:
    image = await add(house, "app:1")
    house.storage.remove_layer(image.chain_ids[0])
    await house.images.open()
    assert house.storage.has_layer(image.chain_ids[0])
