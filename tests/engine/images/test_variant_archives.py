"""Indexes in archives: saved whole, loaded whole, and the same index again when they are pushed."""

import io
import json
import subprocess
import tarfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from boxship.engine.images.image import Image
from boxship.entrypoints import base_image
from boxship.errors import NotFoundError
from boxship.oci.platform import host_platform
from tests.engine.images.conftest import House, HouseMaker
from tests.support.archives import chunked
from tests.support.images import attestation_of, image_for, layer, with_foreign_layer
from tests.support.layers import joined
from tests.support.registry import Registry, push_image, push_index, served

HOST = host_platform().text
FOREIGN = "linux/s390x"
OTHER = "linux/mips64le"


@pytest.fixture
def made() -> dict[str, base_image.Image]:
    """Images for this host and for two platforms that it cannot run."""
    return {platform: image_for(platform) for platform in (FOREIGN, HOST, OTHER)}


async def pieces(data: bytes) -> AsyncIterator[bytes]:
    """A request's body."""
    for piece in chunked(data, 50_000):
        yield bytes(piece)


async def load(house: House, data: bytes, platform: str = "") -> list[Image]:
    """Load an archive."""
    told = house.messages.append
    return list(await house.images.load(pieces(data), platform=platform, progress=told))


async def save(house: House, *names: str, platforms: tuple[str, ...] = ()) -> bytes:
    """Save images."""
    return await joined(await house.images.save(names, platforms))


async def pulled(house: House, name: str, platform: str = "all") -> Image:
    """Pull an image, by default all its variants."""
    return await house.images.pull(name, platform=platform, progress=house.messages.append)


def ids(house: House) -> set[str]:
    """Return the ids of all images, other variants among them."""
    return {row.id for row in house.images.list(all=True)}


def without(data: bytes, *names: str) -> bytes:
    """Return an archive without some members."""
    out = io.BytesIO()
    with tarfile.open(fileobj=io.BytesIO(data)) as old, tarfile.open(fileobj=out, mode="w") as new:
        for member in old:
            if member.name not in names:
                new.addfile(member, old.extractfile(member) if member.isfile() else None)
    return out.getvalue()


async def test_a_saved_index_is_pushed_as_it_was_pulled(
    open_house: HouseMaker, registry: Registry, made: dict[str, base_image.Image]
) -> None:
    first, second = open_house(), open_house()
    attested = {HOST: attestation_of(made[HOST])}
    name, digest = push_index(registry, "archived:whole", made, attested, docker=True)
    await pulled(first, name.familiar)
    archive = await save(first, name.familiar)
    (image,) = await load(second, archive)
    assert image.id == made[HOST].config_digest
    assert image.indexes == (digest,)
    assert [one.stream for one in second.messages if one.stream] == [
        f"Loaded image: {name.familiar}\n"
    ]
    assert ids(second) == {one.config_digest for one in made.values()}
    assert second.images.get(name.familiar, FOREIGN).id == made[FOREIGN].config_digest
    assert await save(second, name.familiar) == archive
    target = f"{registry.host}/archived-again:1"
    second.images.tag(name.familiar, target)
    await second.images.push(target, progress=second.messages.append)
    assert served(registry, "archived-again/manifests/1") == (200, digest)
    await second.images.remove(target)
    await second.images.remove(name.familiar)
    await second.images.settle()
    assert second.leftovers() == ([], [])


@pytest.mark.parametrize("kind", ["both", "layout"])
async def test_one_variant_is_loaded(
    open_house: HouseMaker, registry: Registry, made: dict[str, base_image.Image], kind: str
) -> None:
    first, second = open_house(), open_house()
    name, digest = push_index(registry, "archived:one", made)
    await pulled(first, name.familiar)
    archive = await save(first, name.familiar)
    archive = without(archive, "manifest.json") if kind == "layout" else archive
    (image,) = await load(second, archive, FOREIGN)
    assert image.id == made[FOREIGN].config_digest
    assert image.repo_tags == (name.familiar,)
    assert ids(second) == {image.id}
    (image,) = await load(second, archive, HOST)
    assert image.indexes == (digest,)
    assert second.images.get(name.familiar).id == made[HOST].config_digest
    assert ids(second) == {made[FOREIGN].config_digest, made[HOST].config_digest}
    with pytest.raises(NotFoundError, match="no matching manifest for linux/riscv64"):
        await load(second, archive, "linux/riscv64")


async def test_some_variants_are_saved(
    open_house: HouseMaker, registry: Registry, made: dict[str, base_image.Image]
) -> None:
    first, second, third = open_house(), open_house(), open_house()
    name, digest = push_index(registry, "archived:some", made)
    await pulled(first, name.familiar)
    (image,) = await load(second, await save(first, name.familiar, platforms=(HOST, OTHER)))
    assert image.indexes == (digest,)
    assert ids(second) == {made[HOST].config_digest, made[OTHER].config_digest}
    (image,) = await load(third, await save(first, name.familiar, platforms=(FOREIGN,)))
    assert (image.id, image.manifest_digest) == (made[FOREIGN].config_digest, made[FOREIGN].digest)
    assert ids(third) == {image.id}


async def test_a_part_of_an_index_is_saved_as_one_image(
    open_house: HouseMaker, registry: Registry, made: dict[str, base_image.Image]
) -> None:
    first, second = open_house(), open_house()
    name, _ = push_index(registry, "archived:part", made)
    await pulled(first, name.familiar, HOST)
    (image,) = await load(second, await save(first, name.familiar))
    assert (image.id, image.indexes) == (made[HOST].config_digest, ())


async def test_what_an_archive_lacks_of_an_index_is_left_out(
    open_house: HouseMaker, registry: Registry, made: dict[str, base_image.Image]
) -> None:
    first, second, third = open_house(), open_house(), open_house()
    name, digest = push_index(registry, "archived:lacking", made)
    await pulled(first, name.familiar)
    archive = await save(first, name.familiar)
    missing = [f"blobs/sha256/{made[one].digest[7:]}" for one in (OTHER, FOREIGN)]
    (image,) = await load(second, without(archive, *missing))
    assert (image.id, image.indexes) == (made[HOST].config_digest, (digest,))
    assert ids(second) == {image.id}
    missing.append(f"blobs/sha256/{made[HOST].layer_digests[0][7:]}")
    with pytest.raises(NotFoundError, match=r"no image of the index sha256:.* whole"):
        await load(third, without(archive, *missing))
    await third.images.settle()
    assert third.leftovers() == ([], [])


async def test_an_index_without_a_name_gives_the_hosts_image(
    open_house: HouseMaker, registry: Registry, made: dict[str, base_image.Image]
) -> None:
    first, second = open_house(), open_house()
    name, digest = push_index(registry, "archived:nameless", made)
    await pulled(first, name.familiar)
    archive = await save(first, name.familiar)
    index = json.dumps(
        {
            "schemaVersion": 2,
            "manifests": [
                {
                    "mediaType": "application/vnd.oci.image.index.v1+json",
                    "digest": digest,
                    "size": first.storage.content.size(digest),
                }
            ],
        }
    ).encode()
    out = io.BytesIO(without(archive, "manifest.json", "index.json"))
    with tarfile.open(fileobj=out, mode="a") as tar:
        member = tarfile.TarInfo("index.json")
        member.size = len(index)
        tar.addfile(member, io.BytesIO(index))
    (image,) = await load(second, out.getvalue())
    assert (image.id, image.indexes) == (made[HOST].config_digest, ())
    assert image.is_dangling
    assert ids(second) == {image.id}


async def test_an_index_that_loses_its_name_goes_at_once(
    open_house: HouseMaker, registry: Registry, made: dict[str, base_image.Image]
) -> None:
    first, second = open_house(), open_house()
    attested = {HOST: attestation_of(made[HOST])}
    name, digest = push_index(registry, "archived:renamed", made, attested)
    await pulled(first, name.familiar)
    await load(second, await save(first, name.familiar))
    second.images.tag(made[FOREIGN].config_digest, name.familiar)
    await second.images.settle()
    kept = second.leftovers()[0]
    assert digest not in kept
    assert attested[HOST].digest not in kept
    assert all(one.digest in kept for one in made.values())
    assert ids(second) == {one.config_digest for one in made.values()}


async def test_windows_images_are_not_unpacked(open_house: HouseMaker, registry: Registry) -> None:
    first, second = open_house(), open_house()
    base, own = layer({"Files/base": "b"}), layer({"Files/own": "o"})
    windows = with_foreign_layer(image_for("windows/amd64", base, own), "http://example.com/base")
    name = push_image(registry, "archived:windows", windows)
    await pulled(first, name.familiar, "windows/amd64")
    archive = await save(first, name.familiar)
    (image,) = await load(second, archive)
    assert image.manifest_digest == windows.digest
    foreign, mine = windows.layer_digests
    assert not second.storage.content.has(foreign)
    assert second.storage.content.has(mine)
    assert not list(second.storage.layers())
    assert await save(second, name.familiar) == archive


async def test_skopeo_reads_a_saved_index(
    house: House, registry: Registry, made: dict[str, base_image.Image], tmp_path: Path
) -> None:
    name, digest = push_index(registry, "archived:skopeo", made)
    await pulled(house, name.familiar)
    saved = tmp_path / "saved.tar"
    saved.write_bytes(await save(house, name.familiar))
    copied = tmp_path / "copied"
    subprocess.run(
        ["skopeo", "copy", "--quiet", "--all", f"oci-archive:{saved}", f"dir:{copied}"], check=True
    )
    assert base_image.digest_of((copied / "manifest.json").read_bytes()) == digest
