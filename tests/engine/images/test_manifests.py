"""What lists and inspections say of an index: its manifests, their sizes and their users."""

from boxship.engine.images.image import ContainerUse
from boxship.oci.media_types import DOCKER_INDEX, OCI_INDEX, OCI_MANIFEST
from boxship.oci.platform import host_platform
from tests.engine.images.conftest import House
from tests.support.images import attestation_of, image_for
from tests.support.registry import Registry, push_image, push_index

HOST = host_platform().text
FOREIGN = "linux/s390x"


async def test_an_index(house: House, registry: Registry) -> None:
    made = {FOREIGN: image_for(FOREIGN), HOST: image_for(HOST)}
    attestation = attestation_of(made[HOST])
    name, digest = push_index(registry, "listed:1", made, {HOST: attestation})
    image = await house.images.pull(name.familiar, progress=house.messages.append)
    uses = [ContainerUse("c" * 64, running=False)]
    house.images.set_usage(lambda image_id: uses if image_id == image.id else [])
    (row,) = house.images.list(manifests=True)
    assert row.descriptor is not None
    assert (row.descriptor.digest, row.descriptor.media_type) == (digest, OCI_INDEX)
    assert row.containers == 1
    assert row.manifests is not None
    foreign, native, attested = row.manifests
    assert [one.kind for one in row.manifests] == ["image", "image", "attestation"]
    assert [one.available for one in row.manifests] == [False, True, False]
    assert (foreign.content_size, foreign.unpacked_size, foreign.containers) == (0, 0, ())
    blobs = sum(len(blob) for blob in made[HOST].blobs.values())
    assert native.content_size == blobs + len(made[HOST].manifest)
    assert native.unpacked_size == image.size
    assert native.containers == ("c" * 64,)
    assert native.descriptor.digest == made[HOST].digest
    assert foreign.platform is not None
    assert foreign.platform.text == FOREIGN
    assert attested.about == made[HOST].digest
    assert house.images.descriptor(name.familiar, image).digest == digest
    assert house.images.manifests(name.familiar, image) == list(row.manifests)


async def test_a_whole_index_is_available(house: House, registry: Registry) -> None:
    made = {FOREIGN: image_for(FOREIGN), HOST: image_for(HOST)}
    attested = {HOST: attestation_of(made[HOST])}
    name, _ = push_index(registry, "listed:2", made, attested, docker=True)
    await house.images.pull(name.familiar, platform="all", progress=house.messages.append)
    (row,) = house.images.list(manifests=True)
    assert row.descriptor is not None
    assert row.descriptor.media_type == DOCKER_INDEX
    assert [one.available for one in row.manifests or ()] == [True, True, True]


async def test_a_manifest_that_stands_alone(house: House, registry: Registry) -> None:
    made = image_for(HOST)
    name = push_image(registry, "listed:3", made)
    image = await house.images.pull(name.familiar, progress=house.messages.append)
    descriptor = house.images.descriptor(name.familiar, image)
    assert (descriptor.digest, descriptor.media_type) == (made.digest, OCI_MANIFEST)
    (only,) = house.images.manifests(name.familiar, image)
    assert (only.kind, only.available, only.descriptor) == ("image", True, descriptor)
    assert only.platform == image.config.platform
    assert [row.manifests for row in house.images.list()] == [None]
