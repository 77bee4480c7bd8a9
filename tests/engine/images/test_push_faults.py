"""Pushing to registries that break off, stall, refuse or lie: bounded time and a clear error."""

import asyncio
import gzip
import json
import random
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from boxship.engine.config import RegistryConfig
from boxship.engine.images.image import LayerBlob
from boxship.engine.images.outgoing import Outgoing
from boxship.engine.registry import fetch
from boxship.engine.registry.auth import RegistryAuth
from boxship.engine.registry.transport import TimeLimits
from boxship.entrypoints import base_image
from boxship.errors import (
    BoxshipError,
    ForbiddenError,
    InternalError,
    NotFoundError,
    UnauthorizedError,
    UnavailableError,
)
from boxship.oci.image import ExecutionConfig
from boxship.oci.manifest import Manifest, decode
from tests.engine.images.conftest import House, HouseMaker
from tests.engine.images.hostile import Exchange, Hook, HostileRegistry, always, once
from tests.engine.images.test_archives import tar_of

QUICK = TimeLimits(connect=2.0, read=0.5)
PATIENT = TimeLimits(connect=10.0, read=30.0)
DENIED = b'{"errors":[{"code":"DENIED","message":"requested access to the resource is denied"}]}'
SIZE = 12_000_000


@pytest.fixture
def hostile() -> Iterator[HostileRegistry]:
    """A registry that has nothing of what is pushed."""
    registry = HostileRegistry(base_image.make_image([tar_of({"x": b"y"})], ExecutionConfig()))
    yield registry
    registry.close()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait no half seconds between attempts."""
    monkeypatch.setattr(fetch, "FIRST_BACK_OFF_S", 0.01)


@pytest.fixture
def hasty(open_house: HouseMaker) -> House:
    """A house that loses patience soon."""
    return open_house(RegistryConfig(max_download_attempts=3), limits=QUICK)


async def make(house: House, hostile: HostileRegistry, size: int = SIZE) -> str:
    """Make an image of one layer that does not compress; return its name."""
    archive = tar_of({"data": random.Random(1).randbytes(size)})

    async def stream() -> AsyncIterator[bytes]:
        yield archive

    name = f"{hostile.host}/made"
    await house.images.import_(stream(), repository=name, tag="1", progress=lambda _: None)
    return f"{name}:1"


async def load_plain(house: House, hostile: HostileRegistry, made: base_image.Image) -> str:
    """Load an image with layers that are not compressed; return its name."""
    name = f"{hostile.host}/made:1"
    manifest = decode(made.manifest)
    assert isinstance(manifest, Manifest)
    layers = {
        f"{n}.tar": gzip.decompress(made.blobs[one.digest]) for n, one in enumerate(manifest.layers)
    }
    entry = {"Config": "c.json", "RepoTags": [name], "Layers": list(layers)}
    files = {
        "manifest.json": json.dumps([entry]).encode(),
        "c.json": made.blobs[made.config_digest],
        **layers,
    }

    async def stream() -> AsyncIterator[bytes]:
        yield tar_of(files)

    await house.images.load(stream(), progress=lambda _: None)
    return name


async def push(house: House, name: str, auth: RegistryAuth | None = None) -> None:
    await house.images.push(name, auth=auth, progress=house.messages.append)


async def fails(house: House, name: str, kind: type[BoxshipError]) -> str:
    """Push in vain; return the message. No name may say that the registry has the image."""
    with pytest.raises(kind) as caught:
        await push(house, name)
    assert house.images.get(name).repo_digests == ()
    return str(caught.value)


def has_image(house: House, hostile: HostileRegistry, name: str) -> bool:
    """Whether the registry has all of an image, byte for byte."""
    image, content = house.images.get(name), house.storage.content
    wanted = (image.id, *(blob.digest for blob in image.blobs))
    return hostile.uploads.manifests["1"] == content.read(image.manifest_digest) and all(
        hostile.uploads.blobs[digest] == content.read(digest) for digest in wanted
    )


def large(command: str, hook: Hook) -> Hook:
    """A hook for the layer's requests of one method; the configuration goes its own way."""

    def answer(exchange: Exchange) -> bool:
        size = int(exchange.headers.get("Content-Length", "0"))
        return exchange.command == command and size > 1_000_000 and hook(exchange)

    return answer


def of(command: str, hook: Hook) -> Hook:
    """A hook for one method only."""
    return lambda exchange: exchange.command == command and hook(exchange)


def cut(size: int) -> Hook:
    """Take a part of an upload and break the connection off."""

    def break_off(exchange: Exchange) -> bool:
        exchange.owner.uploads.cut(exchange, size)
        return True

    return break_off


async def test_an_honest_one(hasty: House, hostile: HostileRegistry) -> None:
    name = await make(hasty, hostile)
    await push(hasty, name)
    assert has_image(hasty, hostile, name)
    (sent,) = [path for verb, path, _ in hostile.requests if verb == "PUT" and "uploads/1" in path]
    assert "digest=sha256" in sent


async def test_a_layer_leaves_while_another_is_compressed(
    hasty: House, hostile: HostileRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = base_image.make_image([tar_of({"a": b"a"}), tar_of({"b": b"b"})], ExecutionConfig())
    name = await load_plain(hasty, hostile, made)
    last = hasty.images.get(name).blobs[-1].diff_id
    arrived = threading.Event()
    waited: list[bool] = []
    compress = Outgoing._compress_now

    def slow(outgoing: Outgoing, layer: LayerBlob, *rest: Any) -> LayerBlob:
        if layer.diff_id == last:
            waited.append(arrived.wait(20))
        return compress(outgoing, layer, *rest)

    def take(exchange: Exchange) -> bool:
        exchange.honest()
        arrived.set()
        return True

    monkeypatch.setattr(Outgoing, "_compress_now", slow)
    hostile.hooks["/uploads/"] = of("PUT", take)
    await push(hasty, name)
    assert waited == [True]
    assert has_image(hasty, hostile, name)
    said = [message.status for message in hasty.messages if message.status == "Pushed"]
    assert len(said) == 2


async def test_what_has_the_manifest_is_asked_nothing_more(
    hasty: House, hostile: HostileRegistry
) -> None:
    name = await make(hasty, hostile, 1000)
    await push(hasty, name)
    digest = hasty.images.get(name).manifest_digest
    hostile.hooks["/manifests/"] = of("HEAD", always(200, b"{}", {"Docker-Content-Digest": digest}))
    hostile.requests.clear()
    hasty.messages.clear()
    await push(hasty, name)
    assert [(verb, path) for verb, path, _ in hostile.requests] == [
        ("HEAD", "/v2/made/manifests/1")
    ]
    assert "Layer already exists" in hasty.said()


async def test_a_broken_connection_goes_on_where_it_broke(
    hasty: House, hostile: HostileRegistry
) -> None:
    name = await make(hasty, hostile)
    hostile.hooks["/uploads/"] = large("PUT", once(cut(5_000_000)))
    await push(hasty, name)
    assert has_image(hasty, hostile, name)
    (resumed,) = [headers for verb, _, headers in hostile.requests if verb == "PATCH"]
    assert resumed["content-range"].startswith("5000000-")
    assert any("Retrying" in status for status in hasty.said())


async def test_a_lost_session_begins_anew(hasty: House, hostile: HostileRegistry) -> None:
    name = await make(hasty, hostile)

    def lose(exchange: Exchange) -> bool:
        hostile.uploads.cut(exchange, 5_000_000)
        hostile.uploads.sessions.clear()
        return True

    hostile.hooks["/uploads/"] = large("PUT", once(lose))
    await push(hasty, name)
    assert has_image(hasty, hostile, name)
    assert hostile.uploads.opened >= 3


async def test_a_session_lost_while_patching(hasty: House, hostile: HostileRegistry) -> None:
    name = await make(hasty, hostile)

    def patch(exchange: Exchange) -> bool:
        hostile.uploads.read(exchange)
        hostile.uploads.sessions.clear()
        exchange.answer(404, b'{"errors":[{"code":"BLOB_UPLOAD_UNKNOWN","message":"gone"}]}')
        return True

    first, second = large("PUT", once(cut(5_000_000))), large("PATCH", once(patch))
    hostile.hooks["/uploads/"] = lambda exchange: first(exchange) or second(exchange)
    await push(hasty, name)
    assert has_image(hasty, hostile, name)
    assert [verb for verb, _, _ in hostile.requests].count("PATCH") == 1
    assert hostile.uploads.opened >= 3


async def test_a_proxy_that_takes_no_large_requests(hasty: House, hostile: HostileRegistry) -> None:
    name = await make(hasty, hostile, 20_000_000)

    def refuse(exchange: Exchange) -> bool:
        if int(exchange.headers.get("Content-Length", "0")) <= 10_000_000:
            return False
        hostile.uploads.read(exchange)
        exchange.answer(413, b"<html>too large</html>", {"Content-Type": "text/html"})
        return True

    hostile.hooks["/uploads/"] = refuse
    await push(hasty, name)
    assert has_image(hasty, hostile, name)
    sizes = [
        int(headers["content-length"]) for verb, _, headers in hostile.requests if verb == "PATCH"
    ]
    assert len(sizes) >= 2
    assert max(sizes) <= 10_000_000


async def test_through_a_proxy(open_house: HouseMaker, hostile: HostileRegistry) -> None:
    """The proxy is asked for the registry by its whole address."""
    settings = RegistryConfig(http_proxy=hostile.host, insecure=("registry.example",))
    house = open_house(settings, limits=QUICK)

    async def stream() -> AsyncIterator[bytes]:
        yield tar_of({"data": b"data"})

    name = "registry.example/made"
    await house.images.import_(stream(), repository=name, tag="1", progress=lambda _: None)
    await push(house, f"{name}:1")
    assert has_image(house, hostile, f"{name}:1")
    assert all(
        path.startswith("http://registry.example/v2/made/") for _, path, _ in hostile.requests
    )


async def test_a_least_chunk_is_honoured(hasty: House, hostile: HostileRegistry) -> None:
    name = await make(hasty, hostile, 20_000_000)

    def open_session(exchange: Exchange) -> bool:
        hostile.uploads.opened += 1
        number = str(hostile.uploads.opened)
        hostile.uploads.sessions[number] = b""
        place = f"{exchange.path}{number}"
        exchange.answer(202, b"", {"Location": place, "OCI-Chunk-Min-Length": "9000000"})
        return True

    def refuse(exchange: Exchange) -> bool:
        hostile.uploads.read(exchange)
        exchange.answer(413, b"")
        return True

    posts, puts = of("POST", open_session), large("PUT", refuse)
    hostile.hooks["/uploads/"] = lambda exchange: posts(exchange) or puts(exchange)
    await push(hasty, name)
    assert has_image(hasty, hostile, name)
    sizes = [
        int(headers["content-length"]) for verb, _, headers in hostile.requests if verb == "PATCH"
    ]
    assert all(size >= 9_000_000 for size in sizes[:-1])


async def test_retry_after_is_honoured(hasty: House, hostile: HostileRegistry) -> None:
    name = await make(hasty, hostile, 1000)
    first, second = (of("POST", once(always(429, b"", {"Retry-After": "1"}))) for _ in range(2))
    hostile.hooks["/uploads/"] = lambda exchange: first(exchange) or second(exchange)
    await push(hasty, name)
    assert has_image(hasty, hostile, name)
    assert "Retrying in 1 second" in hasty.said()


@pytest.mark.parametrize(
    ("status", "body", "kind", "words"),
    [
        (401, b"", UnauthorizedError, "unauthorized: authentication required"),
        (403, DENIED, ForbiddenError, "denied: requested access to the resource is denied"),
        (404, b"", NotFoundError, "its registry has no place for it"),
        (413, b"", InternalError, "takes no content of this size"),
        (429, b"", UnavailableError, "too many requests; wait and try again"),
        (500, b"", UnavailableError, "unexpected HTTP status 500"),
        (503, b"<html>", UnavailableError, "unexpected HTTP status 503"),
    ],
)
async def test_refusals(
    hasty: House,
    hostile: HostileRegistry,
    status: int,
    body: bytes,
    kind: type[BoxshipError],
    words: str,
) -> None:
    name = await make(hasty, hostile, 1000)
    hostile.hooks["/uploads/"] = of("POST", always(status, body))
    assert words in await fails(hasty, name, kind)


async def test_a_manifest_refused(hasty: House, hostile: HostileRegistry) -> None:
    name = await make(hasty, hostile, 1000)
    body = b'{"errors":[{"code":"MANIFEST_INVALID","message":"not like this"}]}'
    hostile.hooks["/manifests/"] = of("PUT", always(400, body))
    assert "manifest invalid: not like this" in await fails(hasty, name, InternalError)


async def test_a_web_page_instead_of_a_registry(hasty: House, hostile: HostileRegistry) -> None:
    name = await make(hasty, hostile, 1000)
    hostile.hooks["/uploads/"] = of("POST", always(404, b"<html>", {"Content-Type": "text/html"}))
    assert "is this a registry?" in await fails(hasty, name, NotFoundError)


async def test_no_location(hasty: House, hostile: HostileRegistry) -> None:
    name = await make(hasty, hostile, 1000)
    hostile.hooks["/uploads/"] = of("POST", always(202, b""))
    assert "did not say where (Location)" in await fails(hasty, name, InternalError)


async def test_another_digest_than_sent(hasty: House, hostile: HostileRegistry) -> None:
    name = await make(hasty, hostile, 1000)
    other = f"sha256:{'0' * 64}"
    hostile.hooks["/uploads/"] = of("PUT", always(201, b"", {"Docker-Content-Digest": other}))
    assert f"as {other}: what it received was damaged" in await fails(hasty, name, InternalError)


async def test_redirects_without_end(hasty: House, hostile: HostileRegistry) -> None:
    name = await make(hasty, hostile, 1000)
    loop = f"http://{hostile.host}/v2/made/blobs/uploads/"
    hostile.hooks["/uploads/"] = always(307, b"", {"Location": loop})
    assert "stopped after 10 redirects" in await fails(hasty, name, InternalError)


async def test_credentials_stay_at_home(hasty: House, hostile: HostileRegistry) -> None:
    """An upload may go to another host: storage of its own. The password must not."""
    other = HostileRegistry(hostile.image)
    name = await make(hasty, hostile, 1000)

    def elsewhere(exchange: Exchange) -> bool:
        number = str(len(other.uploads.sessions) + 1)
        other.uploads.sessions[number] = b""
        place = f"http://{other.host}/v2/made/blobs/uploads/{number}"
        exchange.answer(202, b"", {"Location": place})
        return True

    wanted = {"WWW-Authenticate": 'Basic realm="test"'}

    def authorise(exchange: Exchange) -> bool:
        if exchange.headers.get("Authorization"):
            return exchange.command == "POST" and elsewhere(exchange)
        exchange.answer(401, b"", wanted)
        return True

    hostile.hooks["/v2/"] = authorise
    await push(hasty, name, RegistryAuth(username="me", password="secret"))
    other.close()
    image = hasty.images.get(name)
    assert set(other.uploads.blobs) == {image.id, image.blobs[0].digest}
    assert all("authorization" not in headers for _, _, headers in other.requests)
    assert hostile.uploads.manifests


async def test_a_registry_that_stalls(hasty: House, hostile: HostileRegistry) -> None:
    name = await make(hasty, hostile, 1000)

    def stall(_: Exchange) -> bool:
        hostile.released.wait(30)
        return True

    hostile.hooks["/uploads/"] = of("POST", stall)
    assert "stopped answering (i/o timeout)" in await fails(hasty, name, InternalError)


async def test_a_token_server_that_never_answers(hasty: House, hostile: HostileRegistry) -> None:
    name = await make(hasty, hostile, 1000)

    def stall(_: Exchange) -> bool:
        hostile.released.wait(30)
        return True

    realm = f'Bearer realm="http://{hostile.host}/token",service="test"'
    hostile.hooks["/token"] = stall
    hostile.hooks["/v2/"] = always(401, b"", {"WWW-Authenticate": realm})
    assert "i/o timeout" in await fails(hasty, name, InternalError)


async def test_whoever_pushes_goes_away(open_house: HouseMaker, hostile: HostileRegistry) -> None:
    """The upload that nobody waits for ends at once, however patient the limits are."""
    house = open_house(limits=PATIENT)
    name = await make(house, hostile)
    reached = threading.Event()

    def stall(_: Exchange) -> bool:
        reached.set()
        hostile.released.wait(30)
        return True

    hostile.hooks["/uploads/"] = of("POST", stall)
    task = asyncio.create_task(push(house, name))
    assert await asyncio.to_thread(reached.wait, 10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        async with asyncio.timeout(5):
            await task
    assert not hostile.released.is_set()
    del hostile.hooks["/uploads/"]
    hostile.released.set()
    await push(house, name)
    assert has_image(house, hostile, name)


@pytest.mark.parametrize("keep_alive", [True, False])
@pytest.mark.parametrize(("fragment", "command"), [("/uploads/", "POST"), ("/manifests/", "PUT")])
async def test_whoever_pushes_goes_away_in_the_middle_of_an_answer(
    open_house: HouseMaker, hostile: HostileRegistry, fragment: str, command: str, keep_alive: bool
) -> None:
    """Its head has come, its body stalls."""
    house = open_house(limits=PATIENT)
    name = await make(house, hostile, 1000)

    def stall(exchange: Exchange) -> bool:
        if not keep_alive:
            exchange.protocol_version = "HTTP/1.0"
        exchange.truncated(b"x" * 1000, 10, stall=True)
        return True

    hostile.hooks[fragment] = of(command, stall)
    task = asyncio.create_task(push(house, name))
    assert await asyncio.to_thread(hostile.stalled.wait, 10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        async with asyncio.timeout(5):
            await task
    assert not hostile.released.is_set()


async def test_a_blob_that_is_gone(hasty: House, hostile: HostileRegistry) -> None:
    name = await make(hasty, hostile, 1000)
    await push(hasty, name)
    hostile.uploads.blobs.clear()
    hasty.storage.content.delete(hasty.images.get(name).blobs[0].digest)
    with pytest.raises(NotFoundError, match="is not in the store: pull or load its image again"):
        await push(hasty, name)
