"""Layers are unpacked while they arrive, and what was made of wrong bytes never appears."""

import asyncio
import os
import random
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from boxship.engine.config import RegistryConfig
from boxship.engine.images.image import Image, Progress
from boxship.engine.registry.transport import TimeLimits
from boxship.engine.storage.errors import CorruptContentError, CorruptLayerError
from boxship.entrypoints import base_image
from boxship.errors import BoxshipError
from boxship.ids import short_id
from boxship.oci.image import ExecutionConfig
from tests.engine.images.conftest import House, HouseMaker
from tests.engine.images.hostile import Exchange, HostileRegistry, always, once
from tests.engine.images.test_archives import tar_of
from tests.support.archives import archive, member
from tests.support.waiting import wait_until

HALF = 1_500_000
"""Bytes after which a registry of these tests stops to think; more than a reader waits for."""


def layers() -> list[bytes]:
    """The lowest, one that needs what is below it, and one that stands alone."""
    noise = random.Random(2)
    return [
        archive([member("etc", "dir", mode=0o750), member("etc/a", data=noise.randbytes(3 << 20))]),
        archive([member("etc/b", data=noise.randbytes(3 << 20))]),
        archive([member("srv", "dir"), member("srv/c", data=noise.randbytes(3 << 20))]),
    ]


@pytest.fixture
def registry() -> Iterator[HostileRegistry]:
    """A registry with an image of three layers that do not compress."""
    registry = HostileRegistry(base_image.make_image(layers(), ExecutionConfig()))
    yield registry
    registry.close()


def pause(registry: HostileRegistry, digest: str, then: bytes = b"") -> None:
    """Send the first half of a blob; the rest, or ``then``, when the test releases it."""
    whole = registry.image.blobs[digest]

    def send(exchange: Exchange) -> bool:
        exchange.send_response(200)
        exchange.send_header("Content-Length", str(len(whole)))
        exchange.end_headers()
        exchange.wfile.write(whole[:HALF])
        exchange.wfile.flush()
        registry.stalled.set()
        registry.released.wait(30)
        exchange.wfile.write(then or whole[HALF:])
        return True

    registry.hooks[digest] = once(send)


def drafts(house: House) -> list[str]:
    """Names of files in layers that are being unpacked."""
    return [name for _, _, names in os.walk(house.root / "overlay2/tmp") for name in names]


async def appears(house: House, name: str) -> None:
    """Return when a file of this name is being unpacked."""
    await asyncio.to_thread(wait_until, lambda: name in drafts(house))


def pull(house: House, registry: HostileRegistry) -> asyncio.Task[Image]:
    return asyncio.create_task(house.images.pull(registry.name, progress=house.messages.append))


def open_files() -> list[str]:
    """What this process has open."""
    found = []
    for path in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):
            found.append(os.readlink(path))
    return found


async def nothing_is_left(house: House) -> None:
    """But whole archives of other layers, which the next pull need not fetch."""
    await house.images.settle()
    await asyncio.to_thread(house.storage.wait_background)
    assert list(house.storage.layers()) == []
    assert house.images.list() == []
    assert list((house.root / "overlay2/tmp").iterdir()) == []


async def test_a_layer_is_unpacked_before_it_has_arrived(
    house: House, registry: HostileRegistry
) -> None:
    pause(registry, registry.image.layer_digests[0])
    pulling = pull(house, registry)
    await appears(house, "a")
    assert list(house.storage.layers()) == []
    registry.released.set()
    await pulling
    assert len(list(house.storage.layers())) == 3


async def test_an_upper_layer_does_not_wait_for_the_lowest(
    house: House, registry: HostileRegistry
) -> None:
    pause(registry, registry.image.layer_digests[0])
    pulling = pull(house, registry)
    await appears(house, "c")
    assert list(house.storage.layers()) == [], "nothing stands on what is not there"
    registry.released.set()
    await pulling
    chain = house.images.get(registry.name).chain_ids[-1]
    house.storage.create_container("c" * 64, chain)
    rootfs = house.storage.mount_container("c" * 64)
    assert sorted(os.listdir(rootfs / "etc")) == ["a", "b"]
    assert (rootfs / "etc").stat().st_mode & 0o777 == 0o750
    house.storage.remove_container("c" * 64)
    await asyncio.to_thread(house.storage.wait_background)


async def test_every_layer_says_all_that_docker_says(
    house: House, registry: HostileRegistry
) -> None:
    await pull(house, registry)
    for digest in registry.image.layer_digests:
        said = [text for text in house.said(short_id(digest)) if text != "Waiting"]
        assert said == [
            "Pulling fs layer",
            "Downloading",
            "Verifying Checksum",
            "Download complete",
            "Extracting",
            "Pull complete",
        ]


async def test_what_was_unpacked_of_wrong_bytes_never_appears(
    house: House, registry: HostileRegistry
) -> None:
    digest = registry.image.layer_digests[0]
    rest = bytearray(registry.image.blobs[digest][HALF:])
    rest[len(rest) // 2] ^= 1
    pause(registry, digest, bytes(rest))
    pulling = pull(house, registry)
    await appears(house, "a")
    registry.released.set()
    with pytest.raises(CorruptContentError, match=f"verification failed for digest {digest}"):
        await pulling
    await nothing_is_left(house)
    assert not house.storage.content.has(digest)


async def test_a_connection_that_breaks_under_the_unpacking(
    open_house: HouseMaker, registry: HostileRegistry
) -> None:
    house = open_house(RegistryConfig(max_download_attempts=2))
    digest = registry.image.layer_digests[0]

    def break_off(exchange: Exchange) -> bool:
        exchange.truncated(registry.image.blobs[digest], HALF)
        return True

    registry.hooks[digest] = once(break_off)
    await pull(house, registry)
    asked = [headers.get("range") for _, path, headers in registry.requests if digest in path]
    assert asked == [None, f"bytes={HALF}-"]
    assert len(list(house.storage.layers())) == 3


async def test_a_registry_that_cannot_resume_breaks_no_layer(
    open_house: HouseMaker, registry: HostileRegistry
) -> None:
    house = open_house(RegistryConfig(max_download_attempts=2))
    digest = registry.image.layer_digests[0]
    whole = registry.image.blobs[digest]
    answers = [lambda exchange: exchange.truncated(whole, HALF), always(200, whole)]

    def answer(exchange: Exchange) -> bool:
        answers.pop(0)(exchange)
        return True

    registry.hooks[digest] = answer
    await pull(house, registry)
    assert len(list(house.storage.layers())) == 3


async def test_a_stalled_layer_ends_the_pull(
    open_house: HouseMaker, registry: HostileRegistry
) -> None:
    limits = TimeLimits(connect=2.0, read=0.5)
    house = open_house(RegistryConfig(max_download_attempts=1), limits=limits)
    pause(registry, registry.image.layer_digests[1])
    with pytest.raises(BoxshipError, match=r"timed out|stopped answering"):
        await pull(house, registry)
    await nothing_is_left(house)


async def test_a_client_that_leaves_takes_threads_and_files_along(
    house: House, registry: HostileRegistry
) -> None:
    pause(registry, registry.image.layer_digests[0])
    pulling = pull(house, registry)
    await appears(house, "a")
    pulling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await pulling
    await nothing_is_left(house)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("layer ")]
    assert not [path for path in open_files() if path.startswith(str(house.root / "content"))]


async def test_a_layer_that_is_no_archive(house: House) -> None:
    image = base_image.make_image(
        [tar_of({"f": b"1"}), b"x" * 2_000_000], ExecutionConfig(cmd=["sh"])
    )
    registry = HostileRegistry(image)
    with pytest.raises(CorruptLayerError, match="invalid tar header"):
        await pull(house, registry)
    registry.close()
    await nothing_is_left(house)


async def test_two_pulls_unpack_once(open_house: HouseMaker, registry: HostileRegistry) -> None:
    house = open_house()
    pause(registry, registry.image.layer_digests[0])
    second = asyncio.Event()

    def watch(message: Progress) -> None:
        if message.status == "Pulling fs layer":
            second.set()

    first = pull(house, registry)
    await appears(house, "a")
    other = asyncio.create_task(house.images.pull(registry.name, progress=watch))
    await second.wait()
    assert drafts(house).count("a") == 1
    registry.released.set()
    await asyncio.gather(first, other)
    assert registry.count(registry.image.layer_digests[0]) == 1
