"""Registries that lie, break off, stall or refuse: bounded time, a clear error, nothing kept."""

import asyncio
import errno
import os
import random
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from boxship.engine.config import RegistryConfig
from boxship.engine.images.image import Progress
from boxship.engine.registry.auth import RegistryAuth
from boxship.engine.registry.transport import TimeLimits
from boxship.engine.state import reserve
from boxship.engine.storage.errors import CorruptContentError, StorageFullError
from boxship.entrypoints import base_image
from boxship.errors import (
    BoxshipError,
    InternalError,
    InvalidParameterError,
    NotFoundError,
    UnavailableError,
)
from boxship.oci.image import ExecutionConfig
from tests.engine.images.conftest import House, HouseMaker
from tests.engine.images.hostile import Exchange, HostileRegistry, always, once
from tests.engine.images.test_archives import tar_of

QUICK = TimeLimits(connect=2.0, read=0.5)
TWO_ATTEMPTS = RegistryConfig(max_download_attempts=2)


@pytest.fixture
def hostile() -> Iterator[HostileRegistry]:
    """A registry with an image of one layer that does not compress."""
    layer = tar_of({"data": random.Random(1).randbytes(2_000_000)})
    registry = HostileRegistry(base_image.make_image([layer], ExecutionConfig(cmd=["sh"])))
    yield registry
    registry.close()


@pytest.fixture
def hasty(open_house: HouseMaker) -> House:
    """A house that loses patience soon."""
    return open_house(TWO_ATTEMPTS, limits=QUICK)


async def pull(house: House, name: str) -> None:
    await house.images.pull(name, progress=house.messages.append)


async def fails(house: House, name: str, kind: type[BoxshipError]) -> str:
    """Pull in vain; return the message. Nothing may be left."""
    with pytest.raises(kind) as caught:
        await pull(house, name)
    await house.images.settle()
    assert house.leftovers() == ([], [])
    assert house.images.list() == []
    return str(caught.value)


async def test_an_honest_one(hasty: House, hostile: HostileRegistry) -> None:
    await pull(hasty, hostile.name)
    assert hostile.count(hostile.layer_digest) == 1


async def test_a_corrupt_layer(hasty: House, hostile: HostileRegistry) -> None:
    damaged = bytes([hostile.layer[0] ^ 1]) + hostile.layer[1:]
    hostile.hooks[hostile.layer_digest] = always(200, damaged)
    message = await fails(hasty, hostile.name, CorruptContentError)
    assert f"filesystem layer verification failed for digest {hostile.layer_digest}" in message
    assert not list((hasty.root / "content/ingest").iterdir())


@pytest.mark.parametrize("extra", [b"more", b""])
async def test_a_layer_of_another_size(
    hasty: House, hostile: HostileRegistry, extra: bytes
) -> None:
    body = hostile.layer + extra if extra else hostile.layer[:-100]
    hostile.hooks[hostile.layer_digest] = always(200, body)
    kind = CorruptContentError if extra else InternalError
    message = await fails(hasty, hostile.name, kind)
    assert ("longer than" if extra else "unexpected EOF") in message


async def test_another_manifest_than_asked_for(hasty: House, hostile: HostileRegistry) -> None:
    wrong = hostile.image.manifest + b" "
    headers = {"Content-Type": hostile.image.media_type}
    hostile.hooks["/manifests/"] = always(200, wrong, headers)
    digest = hostile.image.digest
    message = await fails(hasty, f"{hostile.host}/app@{digest}", InternalError)
    assert f"manifest verification failed for digest {digest}" in message


async def test_a_broken_connection_is_resumed(hasty: House, hostile: HostileRegistry) -> None:
    def break_off(exchange: Exchange) -> bool:
        exchange.truncated(hostile.layer, 1_000_000)
        return True

    hostile.hooks[hostile.layer_digest] = once(break_off)
    await pull(hasty, hostile.name)
    ranges = [headers.get("range") for _, path, headers in hostile.requests if "/blobs/" in path]
    assert ranges[-1] == "bytes=1000000-"
    assert any(status.startswith("Retrying in") for status in hasty.said())


async def test_the_next_pull_resumes_what_a_dead_registry_left(
    open_house: HouseMaker, hostile: HostileRegistry
) -> None:
    house = open_house(RegistryConfig(max_download_attempts=1), limits=QUICK)

    def break_off(exchange: Exchange) -> bool:
        exchange.truncated(hostile.layer, 1_500_000)
        return True

    hostile.hooks[hostile.layer_digest] = once(break_off)
    await fails(house, hostile.name, InternalError)
    assert len(list((house.root / "content/ingest").iterdir())) == 1
    await pull(house, hostile.name)
    assert hostile.requests[-1][2]["range"] == "bytes=1500000-"
    assert not list((house.root / "content/ingest").iterdir())


async def test_a_server_that_cannot_resume(hasty: House, hostile: HostileRegistry) -> None:
    calls = 0

    def answer(exchange: Exchange) -> bool:
        nonlocal calls
        calls += 1
        if calls == 1:
            exchange.truncated(hostile.layer, 700_000)
        else:
            exchange.answer(200, hostile.layer)
        return True

    hostile.hooks[hostile.layer_digest] = answer
    await pull(hasty, hostile.name)
    assert calls == 2


async def test_a_registry_that_stalls(hasty: House, hostile: HostileRegistry) -> None:
    def stall(exchange: Exchange) -> bool:
        exchange.truncated(hostile.layer, 1000, stall=True)
        return True

    hostile.hooks[hostile.layer_digest] = stall
    started = time.monotonic()
    await fails(hasty, hostile.name, InternalError)
    assert time.monotonic() - started < 5


async def test_a_client_that_goes_away_ends_the_download(
    open_house: HouseMaker, hostile: HostileRegistry
) -> None:
    house = open_house()  # with normal patience: only the cancellation can end it

    def stall(exchange: Exchange) -> bool:
        exchange.truncated(hostile.layer, 500_000, stall=True)
        return True

    hostile.hooks[hostile.layer_digest] = once(stall)
    begun = asyncio.Event()

    def watch(message: Progress) -> None:
        if message.status == "Downloading":
            begun.set()

    task = asyncio.create_task(house.images.pull(hostile.name, progress=watch))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await house.images.settle()
    assert house.leftovers() == ([], [])
    started = time.monotonic()
    await pull(house, hostile.name)
    assert time.monotonic() - started < 5
    assert hostile.requests[-1][2].get("range", "").startswith("bytes=")


async def test_two_pulls_download_once(open_house: HouseMaker, hostile: HostileRegistry) -> None:
    house = open_house()
    async with asyncio.TaskGroup() as group:
        for _ in range(4):
            group.create_task(pull(house, hostile.name))
    assert hostile.count(hostile.layer_digest) == 1
    assert len(house.images.list()) == 1


async def test_one_of_two_pulls_goes_away(open_house: HouseMaker, hostile: HostileRegistry) -> None:
    house = open_house()

    def slow(_: Exchange) -> bool:
        hostile.stalled.set()
        hostile.released.wait(10)
        return False

    hostile.hooks[hostile.layer_digest] = slow
    first = asyncio.create_task(pull(house, hostile.name))
    await asyncio.to_thread(hostile.stalled.wait, 5)
    joined = asyncio.Event()

    def watch(message: Progress) -> None:
        house.messages.append(message)
        if message.status == "Pulling fs layer":
            joined.set()

    second = asyncio.create_task(house.images.pull(hostile.name, progress=watch))
    await joined.wait()
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    hostile.released.set()
    await second
    assert len(house.images.list()) == 1


async def test_too_many_requests_then_fine(hasty: House, hostile: HostileRegistry) -> None:
    refuse = always(429, b"", {"Retry-After": "1"})
    hostile.hooks[hostile.layer_digest] = once(refuse)
    started = time.monotonic()
    await pull(hasty, hostile.name)
    assert time.monotonic() - started >= 1
    assert "Retrying in 1 second" in hasty.said()


async def test_too_many_requests(hasty: House, hostile: HostileRegistry) -> None:
    body = b'{"errors":[{"code":"TOOMANYREQUESTS","message":"You have reached your limit"}]}'
    hostile.hooks["/manifests/"] = always(429, body)
    message = await fails(hasty, hostile.name, UnavailableError)
    assert "toomanyrequests" in message


async def test_a_web_page_instead_of_a_registry(hasty: House, hostile: HostileRegistry) -> None:
    page = {"Content-Type": "text/html; charset=utf-8"}
    hostile.hooks["/manifests/"] = always(200, b"<html>Log in!</html>", page)
    assert "a web page" in await fails(hasty, hostile.name, BoxshipError)


async def test_a_broken_registry(hasty: House, hostile: HostileRegistry) -> None:
    hostile.hooks["/manifests/"] = always(500, b"boom")
    message = await fails(hasty, hostile.name, UnavailableError)
    assert "received unexpected HTTP status 500" in message
    assert "boom" in message


async def test_redirects_carry_no_credentials_to_others(
    hasty: House, hostile: HostileRegistry
) -> None:
    other = HostileRegistry(hostile.image)
    location = f"http://{other.host}/v2/app/blobs/{hostile.layer_digest}"
    hostile.hooks[hostile.layer_digest] = always(307, b"", {"Location": location})

    def ask(exchange: Exchange) -> bool:
        if exchange.headers.get("Authorization"):
            return False
        exchange.answer(401, b"{}", {"WWW-Authenticate": 'Basic realm="x"'})
        return True

    hostile.hooks["/manifests/"] = ask
    auth = RegistryAuth(username="me", password="secret")
    await hasty.images.pull(hostile.name, auth=auth, progress=hasty.messages.append)
    other.close()
    assert other.count(hostile.layer_digest) == 1
    assert all("authorization" not in headers for _, _, headers in other.requests)
    assert any("authorization" in headers for _, _, headers in hostile.requests)


async def test_redirects_in_circles(hasty: House, hostile: HostileRegistry) -> None:
    hostile.hooks["/v2/"] = lambda exchange: always(302, b"", {"Location": exchange.path})(exchange)
    assert "redirects" in await fails(hasty, hostile.name, BoxshipError)


@pytest.mark.parametrize(
    ("manifest", "message"),
    [
        (b"{", "not a JSON document"),
        (b"[]", "not a JSON object"),
        (b'{"schemaVersion":1}', "schema 1 are too old"),
        (b'{"schemaVersion":2,"config":{},"manifests":[]}', "both a manifest and an index"),
        (b" " * (5 << 20), "larger than"),
    ],
)
async def test_manifests_that_make_no_sense(
    hasty: House, hostile: HostileRegistry, manifest: bytes, message: str
) -> None:
    headers = {"Content-Type": hostile.image.media_type}
    hostile.hooks["/manifests/"] = always(200, manifest, headers)
    assert message in await fails(hasty, hostile.name, BoxshipError)


async def test_an_unreachable_registry(hasty: House) -> None:
    message = await fails(hasty, "127.0.0.1:1/app:1", InternalError)
    assert "dial tcp 127.0.0.1:1: connect: connection refused" in message


async def test_an_unknown_host(hasty: House) -> None:
    message = await fails(hasty, "registry.invalid/app:1", InternalError)
    assert "dial tcp: lookup registry.invalid" in message


async def test_the_wrong_platform(hasty: House, hostile: HostileRegistry) -> None:
    entry = (
        b'{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":'
        b'[{"mediaType":"%s","digest":"%s","size":%d,"platform":{"os":"linux","architecture":'
        b'"mips"}}]}'
    ) % (
        hostile.image.media_type.encode(),
        hostile.image.digest.encode(),
        len(hostile.image.manifest),
    )
    kind = {"Content-Type": "application/vnd.oci.image.index.v1+json"}
    hostile.hooks["/manifests/1"] = always(200, entry, kind)
    with pytest.raises(NotFoundError) as caught:
        await hasty.images.pull(
            hostile.name, platform="linux/s390x", progress=hasty.messages.append
        )
    message = str(caught.value)
    assert message.startswith("no matching manifest for linux/s390x in the manifest list entries")
    assert "linux/mips" in message
    image = await hasty.images.pull(
        hostile.name, platform="linux/mips", progress=hasty.messages.append
    )
    assert image.manifest_digest == hostile.image.digest
    assert image.repo_digests[0].endswith(base_image.digest_of(entry))


async def test_an_artifact_is_no_image(hasty: House, hostile: HostileRegistry) -> None:
    manifest = hostile.image.manifest.replace(
        b"application/vnd.oci.image.layer.v1.tar+gzip", b"application/vnd.example.chart"
    )
    hostile.hooks["/manifests/"] = always(200, manifest, {"Content-Type": hostile.image.media_type})
    message = await fails(hasty, hostile.name, InvalidParameterError)
    assert 'unsupported media type "application/vnd.example.chart"' in message


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 3 MiB beside what the engine's state keeps for such a moment."""
    place = tmp_path / "disk"
    place.mkdir()
    size = f"size={reserve.SIZE + 3 * 1024 * 1024}"
    subprocess.run(["mount", "-t", "tmpfs", "-o", size, "tmpfs", place], check=True)
    yield place
    subprocess.run(["umount", "-l", place], check=True)


async def test_a_full_disk(
    open_house: HouseMaker, hostile: HostileRegistry, small_disk: Path
) -> None:
    house = open_house(TWO_ATTEMPTS, root=small_disk)
    message = await fails(house, hostile.name, StorageFullError)
    assert os.strerror(errno.ENOSPC).lower() in message
    await asyncio.to_thread(house.storage.wait_background)
    free = os.statvfs(small_disk)
    assert free.f_bavail * free.f_frsize > 2_000_000
