"""Indexes: several variants of an image under one name."""

import pytest

from boxship.engine.config import RegistryConfig
from boxship.engine.images.image import ContainerUse, Image, Removed
from boxship.entrypoints import base_image
from boxship.errors import ConflictError, NotFoundError
from boxship.ids import short_id
from boxship.oci.platform import host_platform
from tests.engine.images.conftest import House, HouseMaker
from tests.support.images import attestation_of, image_for, layer, with_foreign_layer
from tests.support.registry import Registry, push_image, push_index, served

HOST = host_platform().text
FOREIGN = "linux/s390x"
OTHER = "linux/mips64le"
WINDOWS = image_for("windows/amd64")


@pytest.fixture
def made() -> dict[str, base_image.Image]:
    """Images for this host and for two platforms that it cannot run."""
    return {platform: image_for(platform) for platform in (FOREIGN, HOST, OTHER)}


async def pull(house: House, name: str, platform: str = "") -> Image:
    """Pull an image."""
    return await house.images.pull(name, platform=platform, progress=house.messages.append)


def ids(house: House, *, all: bool = False) -> list[str]:  # noqa: A002 - Docker's own word
    """Return the ids of all rows of the list."""
    return sorted(row.id for row in house.images.list(all=all))


async def test_the_host_gets_its_own(
    house: House, registry: Registry, made: dict[str, base_image.Image]
) -> None:
    name, digest = push_index(registry, "multi:host", made)
    image = await pull(house, name.familiar)
    assert image.id == made[HOST].config_digest
    assert image.repo_digests == (f"{name.familiar_name}@{digest}",)
    assert image.indexes == (digest,)
    assert f"Digest: {digest}" in house.said()


async def test_variants_live_side_by_side(
    house: House, registry: Registry, made: dict[str, base_image.Image]
) -> None:
    name, digest = push_index(registry, "multi:beside", made)
    text = name.familiar
    foreign = await pull(house, text, FOREIGN)
    assert house.images.get(text).id == foreign.id == made[FOREIGN].config_digest
    native = await pull(house, text)
    assert house.said()[-1] == f"Status: Downloaded newer image for {text}"
    assert native.id == made[HOST].config_digest
    assert house.images.get(text).id == native.id
    assert house.images.get(text, FOREIGN).id == foreign.id
    assert house.images.get(f"{name.familiar_name}@{digest}", FOREIGN).id == foreign.id
    assert house.images.get(digest).id == native.id
    assert house.images.get(digest[:19]).id == native.id
    assert house.images.get(foreign.id).repo_tags == (text,)
    assert house.images.get(made[FOREIGN].digest).id == foreign.id
    assert ids(house) == [native.id]
    assert ids(house, all=True) == sorted((native.id, foreign.id))
    await pull(house, text, FOREIGN)
    assert house.said()[-1] == f"Status: Image is up to date for {text}"
    assert house.images.get(text).id == native.id


async def test_a_variant_that_is_not_here(
    house: House, registry: Registry, made: dict[str, base_image.Image]
) -> None:
    name, _ = push_index(registry, "multi:missing", made)
    await pull(house, name.familiar)
    with pytest.raises(NotFoundError) as caught:
        house.images.get(name.familiar, FOREIGN)
    assert str(caught.value).startswith(
        f"image with reference {name.familiar} was found but does not provide the specified "
        f"platform ({FOREIGN})"
    )


async def test_tags_share_the_index(
    house: House, registry: Registry, made: dict[str, base_image.Image]
) -> None:
    name, _ = push_index(registry, "multi:tags", made)
    native = await pull(house, name.familiar)
    house.images.tag(name.familiar, "mine:1")
    house.images.tag(native.id, "alone:1")
    foreign = await pull(house, name.familiar, FOREIGN)
    assert house.images.get("mine:1", FOREIGN).id == foreign.id
    with pytest.raises(NotFoundError):
        house.images.get("alone:1", FOREIGN)
    assert house.images.get(foreign.id).repo_tags == (name.familiar, "mine:1")


async def test_a_new_index_takes_the_tag(
    house: House, registry: Registry, made: dict[str, base_image.Image]
) -> None:
    name, old = push_index(registry, "multi:moved", made)
    first = await pull(house, name.familiar)
    _, new = push_index(
        registry, "multi:moved", {FOREIGN: made[FOREIGN], HOST: image_for(HOST, b"\0" * 1024)}
    )
    second = await pull(house, name.familiar)
    assert second.indexes == (new,)
    assert house.images.get(name.familiar).id == second.id
    kept = house.images.get(first.id)
    assert (kept.repo_tags, kept.repo_digests) == ((), (f"{name.familiar_name}@{old}",))


async def test_the_whole_index(
    house: House, registry: Registry, made: dict[str, base_image.Image]
) -> None:
    attested = {HOST: attestation_of(made[HOST])}
    name, digest = push_index(registry, "multi:whole", made, attested)
    image = await pull(house, name.familiar, "all")
    assert image.id == made[HOST].config_digest
    assert ids(house, all=True) == sorted(one.config_digest for one in made.values())
    expected = {digest}
    for one in (*made.values(), *attested.values()):
        expected |= {one.digest, *one.blobs}
    assert set(house.leftovers()[0]) == expected
    await house.images.open()
    await house.images.settle()
    assert set(house.leftovers()[0]) == expected
    removed = await house.images.remove(name.familiar)
    assert removed[:2] == [
        Removed(untagged=name.familiar),
        Removed(untagged=f"{name.familiar_name}@{digest}"),
    ]
    deleted = {one.deleted for one in removed}
    assert {one.config_digest for one in made.values()} <= deleted
    await house.images.settle()
    assert house.leftovers() == ([], [])


async def test_removing_one_variant(
    house: House, registry: Registry, made: dict[str, base_image.Image]
) -> None:
    name, _ = push_index(registry, "multi:one", made)
    text = name.familiar
    native, foreign = await pull(house, text), await pull(house, text, FOREIGN)
    removed = await house.images.remove(text, platforms=[HOST])
    assert removed == [Removed(deleted=native.id), Removed(deleted=native.chain_ids[0])]
    assert house.images.get(text).id == foreign.id
    removed = await house.images.remove(text, platforms=[FOREIGN])
    assert removed[0] == Removed(untagged=text)
    assert Removed(deleted=foreign.id) in removed
    await house.images.settle()
    assert house.leftovers() == ([], [])


@pytest.mark.parametrize("kind", ["row", "index", "variant"])
async def test_removing_by_id(
    house: House, registry: Registry, made: dict[str, base_image.Image], kind: str
) -> None:
    name, digest = push_index(registry, "multi:id", made)
    native, foreign = await pull(house, name.familiar), await pull(house, name.familiar, FOREIGN)
    text = {"row": short_id(native.id), "index": digest, "variant": short_id(foreign.id)}[kind]
    removed = await house.images.remove(text)
    await house.images.settle()
    if kind == "variant":
        assert removed[0] == Removed(deleted=foreign.id)
        assert house.images.get(name.familiar).id == native.id
        return
    assert removed[0] == Removed(untagged=name.familiar)
    assert house.leftovers() == ([], [])


async def test_variants_of_containers(
    house: House, registry: Registry, made: dict[str, base_image.Image]
) -> None:
    name, _ = push_index(registry, "multi:used", made)
    text = name.familiar
    native, foreign = await pull(house, text), await pull(house, text, FOREIGN)
    uses = [ContainerUse("c" * 64, running=False)]
    house.images.set_usage(lambda image_id: uses if image_id == foreign.id else [])
    with pytest.raises(ConflictError) as caught:
        await house.images.remove(text)
    assert str(caught.value) == (
        f'conflict: unable to remove repository reference "{text}" (must force) - container '
        f"cccccccccccc is using its referenced image {short_id(foreign.id)}"
    )
    for wanted in (native.id, foreign.id):
        with pytest.raises(ConflictError, match=r"must be forced.*used by stopped container c{12}"):
            await house.images.remove(wanted)
    with pytest.raises(ConflictError, match=r"must be forced.*used by stopped container c{12}"):
        await house.images.remove(text, platforms=[FOREIGN])
    assert house.images.get(text, FOREIGN).id == foreign.id
    removed = await house.images.remove(text, force=True)
    assert Removed(deleted=native.id) in removed
    assert Removed(deleted=foreign.id) in removed
    await house.images.settle()
    assert house.leftovers() == ([], [])


async def test_pruning_leaves_used_indexes_alone(
    house: House, registry: Registry, made: dict[str, base_image.Image]
) -> None:
    name, _ = push_index(registry, "multi:prune", made)
    native, foreign = await pull(house, name.familiar), await pull(house, name.familiar, FOREIGN)
    uses = [ContainerUse("c" * 64, running=False)]
    house.images.set_usage(lambda image_id: uses if image_id == foreign.id else [])
    assert (await house.images.prune()).removed == ()
    assert (await house.images.prune({"dangling": ("false",)})).removed == ()
    house.images.set_usage(lambda _: [])
    report = await house.images.prune({"dangling": ("false",)})
    assert {Removed(deleted=native.id), Removed(deleted=foreign.id)} <= set(report.removed)
    assert report.space_reclaimed == native.size + foreign.size
    await house.images.settle()
    assert house.leftovers() == ([], [])


async def test_windows(house: House, registry: Registry) -> None:
    windows = image_for("windows/amd64")
    name, _ = push_index(
        registry, "multi:windows", {HOST: image_for(HOST), "windows/amd64": windows}
    )
    image = await pull(house, name.familiar, "windows/amd64")
    assert image.id == windows.config_digest
    assert image.config.platform.text == "windows/amd64"
    assert image.size == len(windows.blobs[windows.layer_digests[0]])
    assert not house.storage.has_layer(image.chain_ids[0])
    await house.images.open()
    assert not house.storage.has_layer(image.chain_ids[0])
    await house.images.remove(name.familiar)
    await house.images.settle()
    assert house.leftovers() == ([], [])


async def test_a_whole_index_is_pushed_as_it_came(
    house: House, registry: Registry, made: dict[str, base_image.Image]
) -> None:
    attested = {HOST: attestation_of(made[HOST])}
    name, digest = push_index(registry, "multi:source", made, attested, docker=True)
    await pull(house, name.familiar, "all")
    target = f"{registry.host}/multi-pushed:1"
    house.images.tag(name.familiar, target)
    await house.images.push(target, progress=house.messages.append)
    assert f"1: digest: {digest} size: " in house.said()[-2]
    assert served(registry, "multi-pushed/manifests/1") == (200, digest)
    for one in (*made.values(), *attested.values()):
        assert served(registry, f"multi-pushed/manifests/{one.digest}") == (200, one.digest)
        for blob in one.blobs:
            assert served(registry, f"multi-pushed/blobs/{blob}")[0] == 200
    pushed = f"{registry.host}/multi-pushed@{digest}"
    assert house.images.get(pushed, FOREIGN).id == made[FOREIGN].config_digest


async def test_a_part_of_an_index_is_pushed_as_a_manifest(
    house: House, registry: Registry, made: dict[str, base_image.Image]
) -> None:
    name, digest = push_index(registry, "multi:part", made)
    await pull(house, name.familiar)
    await pull(house, name.familiar, FOREIGN)
    target = f"{registry.host}/multi-part:1"
    house.images.tag(name.familiar, target)
    await house.images.push(target, progress=house.messages.append)
    assert served(registry, "multi-part/manifests/1") == (200, made[HOST].digest)
    index, manifest = house.messages[-1].pushed_instead or (None, None)
    assert index
    assert manifest
    assert (index.digest, manifest.digest) == (digest, made[HOST].digest)
    assert manifest.platform == host_platform()
    await house.images.push(target, platform=FOREIGN, progress=house.messages.append)
    assert house.messages[-1].pushed_instead is None
    assert served(registry, "multi-part/manifests/1") == (200, made[FOREIGN].digest)


async def test_foreign_layers_stay_where_they_are(house: House, registry: Registry) -> None:
    base, own = layer({"Files/base": "b"}), layer({"Files/own": "o"})
    windows = with_foreign_layer(image_for("windows/amd64", base, own), "http://example.com/base")
    name = push_image(registry, "multi:foreign", windows)
    image = await pull(house, name.familiar, "windows/amd64")
    foreign, mine = windows.layer_digests
    assert "Skipped foreign layer" in house.said(foreign[7:19])
    assert not house.storage.content.has(foreign)
    assert house.storage.content.has(mine)
    assert image.manifest_digest == windows.digest
    target = f"{registry.host}/multi-foreign:1"
    house.images.tag(name.familiar, target)
    await house.images.push(target, progress=house.messages.append)
    assert served(registry, "multi-foreign/manifests/1") == (200, windows.digest)
    assert served(registry, f"multi-foreign/blobs/{foreign}")[0] == 404
    assert served(registry, f"multi-foreign/blobs/{mine}")[0] == 200


async def test_a_setting_keeps_indexes_whole(
    open_house: HouseMaker, registry: Registry, made: dict[str, base_image.Image]
) -> None:
    house = open_house(RegistryConfig(whole_indexes=True))
    name, _ = push_index(registry, "multi:setting", made)
    image = await pull(house, name.familiar)
    assert image.id == made[HOST].config_digest
    assert ids(house, all=True) == sorted(one.config_digest for one in made.values())
    house.images.reconfigure(RegistryConfig())
    other, _ = push_index(
        registry, "multi:unset", {HOST: image_for(HOST, b"\0" * 1024), "windows/amd64": WINDOWS}
    )
    before = len(ids(house, all=True))
    await pull(house, other.familiar)
    assert len(ids(house, all=True)) == before + 1
