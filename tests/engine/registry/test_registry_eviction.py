"""A cache within bounds, and a cache whose home wants to know who it is."""

import os
import sqlite3
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from boxship.engine.registry.server.config import ServerConfig
from boxship.engine.registry.server.eviction import evict
from tests.engine.registry.conftest import StartRegistry
from tests.support.certs import Authority
from tests.support.distribution import Repository
from tests.support.own_registry import OwnRegistry, password_file
from tests.support.registry import BASIC, PASSWORD, USERNAME, TokenServer
from tests.support.waiting import wait_until

HOUR = 3600.0


def age(registry: OwnRegistry, digest: str, seconds: float) -> None:
    """Let content be unused for so long."""
    database = sqlite3.connect(registry.root / "registry.db")
    with database:
        done = database.execute(
            "UPDATE blobs SET touched = touched - ? WHERE digest = ?", (seconds, digest)
        )
    assert done.rowcount == 1
    database.close()


def pull(client: Repository, tag: str) -> list[str]:
    """Fetch all of an image; return its digests, the manifest's first."""
    answer = client.ask("GET", f"manifests/{tag}")
    assert answer.status == 200
    document = answer.json()
    blobs = [blob["digest"] for blob in (document["config"], *document["layers"])]
    for digest in blobs:
        assert client.ask("GET", f"blobs/{digest}").status == 200
    return [answer.headers["docker-content-digest"], *blobs]


def wait_settled(registry: OwnRegistry, digests: list[str]) -> None:
    """Wait until fetched blobs have their names."""
    wait_until(lambda: all(registry.blob_path(digest).exists() for digest in digests))


def test_what_is_not_used_goes_and_comes_again(start_registry: StartRegistry) -> None:
    home = start_registry(directory="home")
    options = (f"--proxy-to={home.url}", "--proxy-ttl=1h")
    cache = start_registry(*options, directory="cache")
    there, here = Repository(home, "app"), Repository(cache, "app")
    there.push_image("old")
    there.push_image("new")
    old, new = pull(here, "old"), pull(here, "new")
    wait_settled(cache, old + new)
    only_old = [digest for digest in old if digest not in new]
    assert len(only_old) > 1
    cache.stop()
    for digest in only_old:
        age(cache, digest, 2 * HOUR)
    cache.start()
    wait_until(lambda: not any(cache.blob_path(digest).exists() for digest in only_old))
    assert all(cache.blob_path(digest).exists() for digest in new)
    here.connection.close()
    again = Repository(cache, "app")
    assert pull(again, "old") == old
    wait_settled(cache, old)
    assert f"{len(only_old)} blobs left the cache" in cache.log()
    for each in (there, again):
        each.connection.close()


def test_the_longest_unused_make_room(start_registry: StartRegistry) -> None:
    home = start_registry(directory="home")
    cache = start_registry(f"--proxy-to={home.url}", directory="cache")
    there, here = Repository(home, "app"), Repository(cache, "app")
    blobs = [there.push_blob(os.urandom(10_000)) for _ in range(3)]
    for digest in blobs:
        assert here.ask("GET", f"blobs/{digest}").status == 200
    wait_settled(cache, blobs)
    config = ServerConfig(root=cache.root)
    assert evict(config, max_size=10_000) == (), "what came a moment ago stays"
    for hours, digest in enumerate(blobs, 1):
        wait_until(partial(is_known, cache, digest))
        age(cache, digest, hours * HOUR)
    assert evict(config, max_size=40_000) == ()
    assert evict(config, max_size=25_000, ttl_s=9 * HOUR) == ((blobs[2], 10_000),)
    assert not cache.blob_path(blobs[2]).exists()
    assert evict(config, ttl_s=1.5 * HOUR) == ((blobs[1], 10_000),)
    assert cache.blob_path(blobs[0]).exists()
    for each in (there, here):
        each.connection.close()


def is_known(registry: OwnRegistry, digest: str) -> bool:
    """Whether the tables tell of content."""
    database = sqlite3.connect(registry.root / "registry.db")
    try:
        return bool(database.execute("SELECT 1 FROM blobs WHERE digest = ?", (digest,)).fetchall())
    finally:
        database.close()


@pytest.fixture
def tokens(scratch: Path) -> Iterator[TokenServer]:
    """A token server."""
    server = TokenServer(Authority(scratch / "tokens").root)
    yield server
    server.close()


@pytest.mark.parametrize("kind", ["password", "token"])
def test_a_home_that_wants_credentials(
    start_registry: StartRegistry, tokens: TokenServer, scratch: Path, kind: str
) -> None:
    realm = f"realm={tokens.url},service={tokens.service},issuer={tokens.issuer}"
    token = f"token:{realm},keys={tokens.certificate.cert_path}"
    auth = f"htpasswd:{password_file(scratch)}" if kind == "password" else token
    home = start_registry(f"--auth={auth}", directory="home")
    bearer = f"Bearer {tokens.token('app', ['pull', 'push'])}"
    there = Repository(home, "app", BASIC if kind == "password" else bearer)
    digest, document = there.push_image("v1")
    secret = scratch / "secret"
    secret.write_text(f"{USERNAME}:{PASSWORD}\n")
    cache = start_registry(f"--proxy-to={home.url}", f"--proxy-auth={secret}", directory="cache")
    here = Repository(cache, "app")
    assert here.ask("GET", "manifests/v1").body == document
    assert pull(here, "v1")[0] == digest
    assert bool(tokens.requests) == (kind == "token")
    stranger = start_registry(f"--proxy-to={home.url}", directory="stranger")
    refused = Repository(stranger, "app")
    assert refused.ask("GET", "manifests/v1").status == 502
    for each in (there, here, refused):
        each.connection.close()


def test_bounds_belong_to_a_cache(start_registry: StartRegistry) -> None:
    with pytest.raises(AssertionError, match="only together with --proxy-to"):
        start_registry("--proxy-ttl=1h")
