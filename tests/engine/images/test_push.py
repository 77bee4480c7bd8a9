"""Pushing to Debian's docker-registry."""

import asyncio
import gzip
import hashlib
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from boxship.engine.images.image import Image
from boxship.engine.registry.auth import RegistryAuth
from boxship.errors import (
    ForbiddenError,
    InvalidParameterError,
    NotFoundError,
    UnauthorizedError,
)
from boxship.oci.media_types import OCI_LAYER_GZIP
from tests.engine.images.conftest import House, HouseMaker
from tests.support.images import layer
from tests.support.registry import PASSWORD, USERNAME, Registry, TokenRegistry, push_image

AUTH = RegistryAuth(username=USERNAME, password=PASSWORD)


async def stream(data: bytes) -> AsyncIterator[bytes]:
    yield data


async def make(house: House, name: str, **files: str) -> Image:
    """Make an image of one plain layer here."""
    archive = layer(dict(files or {"hello": "hello\n"}))
    repository, _, tag = name.rpartition(":")
    return await house.images.import_(
        stream(archive), repository=repository, tag=tag, progress=lambda _: None
    )


def fetch(registry: Registry, path: str) -> tuple[int, bytes, dict[str, str]]:
    connection = registry.connect()
    accept = "application/vnd.oci.image.manifest.v1+json"
    connection.request("GET", f"/v2/{path}", headers={"Accept": accept})
    answer = connection.getresponse()
    data = answer.read()
    headers = {name.lower(): value for name, value in answer.getheaders()}
    connection.close()
    return answer.status, data, headers


async def push(house: House, name: str, auth: RegistryAuth | None = None) -> list[str]:
    """Push; return what was said."""
    house.messages.clear()
    await house.images.push(name, auth=auth, progress=house.messages.append)
    return house.said()


async def test_an_image_made_here(house: House, registry: Registry) -> None:
    name = f"{registry.host}/made:v1"
    image = await make(house, name)
    said = await push(house, name)
    pushed = house.images.get(name)
    assert said[0] == f"The push refers to repository [{registry.host}/made]"
    assert said[1] == "Preparing"
    assert "Pushed" in said
    status, data, headers = fetch(registry, "made/manifests/v1")
    digest = headers["docker-content-digest"]
    assert status == 200
    assert digest == f"sha256:{hashlib.sha256(data).hexdigest()}"
    assert said[-2] == f"v1: digest: {digest} size: {len(data)}"
    assert house.messages[-1].aux == {"Tag": "v1", "Digest": digest, "Size": len(data)}
    assert pushed.id == image.id
    assert pushed.repo_digests == (f"{registry.host}/made@{digest}",)
    assert pushed.manifest_digest == digest
    manifest: Any = json.loads(data)
    (described,) = manifest["layers"]
    assert described["mediaType"] == OCI_LAYER_GZIP
    _, blob, _ = fetch(registry, f"made/blobs/{described['digest']}")
    assert len(blob) == described["size"]
    plain = gzip.decompress(blob)
    assert f"sha256:{hashlib.sha256(plain).hexdigest()}" == image.layers[0]
    _, config, _ = fetch(registry, f"made/blobs/{image.id}")
    assert f"sha256:{hashlib.sha256(config).hexdigest()}" == image.id


async def test_the_compressed_layer_is_the_images_own(house: House, registry: Registry) -> None:
    name = f"{registry.host}/made:v1"
    before = await make(house, name)
    await push(house, name)
    await house.images.settle()
    after = house.images.get(name)
    expected = {after.id, after.manifest_digest, after.blobs[0].digest}
    assert set(house.storage.content.digests()) == expected
    assert before.blobs[0].digest not in expected
    tar = b"".join(house.storage.open_layer_tar(after.chain_ids[-1]))
    assert f"sha256:{hashlib.sha256(tar).hexdigest()}" == after.layers[0]


async def test_a_second_push_has_nothing_to_do(house: House, registry: Registry) -> None:
    name = f"{registry.host}/made:v1"
    await make(house, name)
    first = await push(house, name)
    again = await push(house, name)
    assert again[1:-2] == ["Preparing", "Layer already exists"]
    assert again[-2:] == first[-2:]


async def test_what_was_pulled_comes_back_the_same(
    house: House, registry: Registry, open_house: HouseMaker
) -> None:
    reference = push_image(registry, "library/busybox:1")
    image = await house.images.pull(reference.familiar, progress=house.messages.append)
    other = f"{registry.host}/team/box:2"
    house.images.tag(image.id, other)
    said = await push(house, other)
    assert "Mounted from library/busybox" in said
    _, data, headers = fetch(registry, "team/box/manifests/2")
    assert headers["docker-content-digest"] == image.manifest_digest
    assert data == house.storage.content.read(image.manifest_digest)
    assert house.images.get(other).repo_digests == (
        f"{registry.host}/library/busybox@{image.manifest_digest}",
        f"{registry.host}/team/box@{image.manifest_digest}",
    )
    elsewhere = open_house()
    pulled = await elsewhere.images.pull(other, progress=elsewhere.messages.append)
    assert pulled.id == image.id


async def test_an_image_shares_what_another_one_compressed(
    house: House, registry: Registry
) -> None:
    base = await make(house, f"{registry.host}/base:1")
    await make(house, f"{registry.host}/twin:1")
    await push(house, f"{registry.host}/base:1")
    said = await push(house, f"{registry.host}/twin:1")
    assert "Mounted from base" in said
    assert house.images.get(f"{registry.host}/twin:1").layers == base.layers


async def test_all_tags(house: House, registry: Registry) -> None:
    image = await make(house, f"{registry.host}/made:v1")
    house.images.tag(image.id, f"{registry.host}/made:v2")
    await house.images.push(f"{registry.host}/made", progress=house.messages.append, all_tags=True)
    results = [text for text in house.said() if ": digest: " in text]
    assert [text.partition(":")[0] for text in results] == ["v1", "v2"]
    assert sorted(json.loads(fetch(registry, "made/tags/list")[1])["tags"]) == ["v1", "v2"]


async def test_two_pushes_at_once_share_their_uploads(house: House, registry: Registry) -> None:
    image = await make(house, f"{registry.host}/made:v1")
    house.images.tag(image.id, f"{registry.host}/made:v2")
    await asyncio.gather(
        house.images.push(f"{registry.host}/made:v1", progress=house.messages.append),
        house.images.push(f"{registry.host}/made:v2", progress=house.messages.append),
    )
    digests = {fetch(registry, f"made/manifests/{tag}")[1] for tag in ("v1", "v2")}
    assert len(digests) == 1


async def test_the_event(house: House, registry: Registry) -> None:
    name = f"{registry.host}/made:v1"
    await make(house, name)
    await push(house, name)
    rows = house.database.query("SELECT document FROM events")
    (event,) = [one for row in rows if (one := json.loads(row["document"]))["action"] == "push"]
    assert event["actor_id"] == name
    assert event["attributes"] == {"name": f"{registry.host}/made"}


async def test_a_name_that_is_not_there(house: House) -> None:
    with pytest.raises(NotFoundError) as caught:
        await push(house, "nosuch:1")
    assert str(caught.value) == "An image does not exist locally with the tag: nosuch"
    assert house.said() == ["The push refers to repository [docker.io/library/nosuch]"]


async def test_a_tag_that_is_not_there(house: House, registry: Registry) -> None:
    await make(house, f"{registry.host}/made:v1")
    with pytest.raises(NotFoundError, match=f"tag does not exist: {registry.host}/made:v2"):
        await push(house, f"{registry.host}/made:v2")


async def test_a_digest(house: House) -> None:
    with pytest.raises(InvalidParameterError, match="cannot push a digest reference"):
        await push(house, f"made@sha256:{'0' * 64}")


async def test_another_platform(house: House, registry: Registry) -> None:
    name = f"{registry.host}/made:v1"
    await make(house, name)
    with pytest.raises(NotFoundError, match="specified platform"):
        await house.images.push(name, platform="plan9/mips", progress=house.messages.append)


async def test_with_a_password(house: House, registry_basic: Registry) -> None:
    name = f"{registry_basic.host}/made:v1"
    await make(house, name)
    assert "Pushed" in await push(house, name, AUTH)
    with pytest.raises(UnauthorizedError, match="no basic auth credentials"):
        await push(house, name)


async def test_with_tls(house: House, registry_tls: Registry) -> None:
    name = f"{registry_tls.host}/made:v1"
    await make(house, name)
    assert "Pushed" in await push(house, name)
    assert fetch(registry_tls, "made/manifests/v1")[0] == 200


async def test_with_a_token(house: House, registry_token: TokenRegistry) -> None:
    await make(house, f"{registry_token.host}/private/one:1")
    await push(house, f"{registry_token.host}/private/one:1", AUTH)
    await make(house, f"{registry_token.host}/private/two:1")
    registry_token.tokens.requests.clear()
    said = await push(house, f"{registry_token.host}/private/two:1", AUTH)
    assert "Mounted from private/one" in said
    (asked,) = registry_token.tokens.requests
    assert asked["scope"] == ["repository:private/two:pull,push", "repository:private/one:pull"]


async def test_without_the_right_to_push(house: House, registry_token: TokenRegistry) -> None:
    name = f"{registry_token.host}/public/made:1"
    await make(house, name)
    with pytest.raises((UnauthorizedError, ForbiddenError)) as caught:
        await push(house, name)
    assert "unauthorized" in str(caught.value) or "denied" in str(caught.value)
