"""What is attested of images."""

import pytest

from boxship.errors import NotFoundError
from boxship.oci.intoto import STATEMENT
from boxship.oci.platform import host_platform
from tests.engine.images.conftest import House
from tests.support.images import attestation_of, image_for
from tests.support.registry import Registry, push_image, push_index

HOST = host_platform().text


async def test_statements_of_an_index(house: House, registry: Registry) -> None:
    made = image_for(HOST)
    attested = attestation_of(made)
    name, _ = push_index(registry, "attested:1", {HOST: made}, {HOST: attested})
    await house.images.pull(name.familiar, platform="all", progress=house.messages.append)
    (found,) = await house.images.attestations(name.familiar, HOST)
    assert found.descriptor.digest == attested.layer_digests[0]
    assert found.descriptor.media_type == STATEMENT
    assert found.statement == b""
    (whole,) = await house.images.attestations(name.familiar, statements=True)
    assert whole.statement == attested.blobs[attested.layer_digests[0]]
    assert await house.images.attestations(name.familiar, types=["https://spdx.dev/Document"]) == []


async def test_what_was_not_pulled(house: House, registry: Registry) -> None:
    made = image_for(HOST)
    name, _ = push_index(registry, "attested:1", {HOST: made}, {HOST: attestation_of(made)})
    await house.images.pull(name.familiar, progress=house.messages.append)
    with pytest.raises(NotFoundError, match="pull the whole index with --platform all"):
        await house.images.attestations(name.familiar)


async def test_nothing_is_attested(house: House, registry: Registry) -> None:
    name = push_image(registry, "plain:1")
    await house.images.pull(name.familiar, progress=house.messages.append)
    assert await house.images.attestations(name.familiar) == []
    with pytest.raises(NotFoundError, match="No such image: nosuch:latest"):
        await house.images.attestations("nosuch")
