"""Pulling from Debian's docker-registry."""

import pytest

from boxship.entrypoints import base_image
from boxship.errors import NotFoundError
from tests.engine.images.conftest import House
from tests.support.registry import Registry, push_image


async def test_pull_by_tag_then_again(house: House, registry: Registry) -> None:
    name = f"{registry.host}/library/busybox"
    image = await house.images.pull(f"{name}:latest", progress=house.messages.append)
    made = base_image.busybox_image()
    assert image.id == made.config_digest
    assert image.repo_tags == (f"{name}:latest",)
    assert image.repo_digests == (f"{name}@{made.digest}",)
    assert image.size > 1_000_000
    layer = made.layer_digests[0].removeprefix("sha256:")[:12]
    said = house.said(layer)
    assert said[0] == "Pulling fs layer"
    assert said[-1] == "Pull complete"
    assert [word for word in said if word in ("Verifying Checksum", "Download complete")] == [
        "Verifying Checksum",
        "Download complete",
    ]
    assert house.said()[0] == "Pulling from library/busybox"
    assert house.said()[-2:] == [
        f"Digest: {made.digest}",
        f"Status: Downloaded newer image for {name}:latest",
    ]
    house.messages.clear()
    await house.images.pull(f"{name}:latest", progress=house.messages.append)
    assert house.said() == [
        "Pulling from library/busybox",
        f"Digest: {made.digest}",
        f"Status: Image is up to date for {name}:latest",
    ]


async def test_what_was_pulled_is_kept_verbatim(house: House, registry: Registry) -> None:
    reference = push_image(registry, "app:1")
    image = await house.images.pull(reference.familiar, progress=house.messages.append)
    made = base_image.busybox_image()
    content = house.storage.content
    assert content.read(image.manifest_digest) == made.manifest
    assert all(content.read(digest) == blob for digest, blob in made.blobs.items())


async def test_an_unknown_tag(house: House, registry: Registry) -> None:
    push_image(registry, "app:1")
    with pytest.raises(NotFoundError, match=r"manifest for .*/app:2 not found: manifest unknown"):
        await house.images.pull(f"{registry.host}/app:2", progress=house.messages.append)
    assert house.leftovers() == ([], [])
