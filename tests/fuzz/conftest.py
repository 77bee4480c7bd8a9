"""A daemon that is sent nonsense, and what must hold afterwards."""

from collections.abc import Iterator

import pytest

from tests.support.badcalls import state, surprises, told
from tests.support.daemon import Daemon
from tests.support.usage import returns_to, threads, usage

WORKERS = 64
"""Threads that a daemon may come to have: those that wait for the next work."""


@pytest.fixture(scope="module")
def anchor(daemon: Daemon, busybox: str) -> Iterator[str]:
    """A container that is there all the time."""
    body = {"Image": busybox, "Cmd": ["sleep", "9000"], "Labels": {"anchor": "1"}}
    assert daemon.request("POST", "/containers/create?name=anchor", body)[0] == 201
    assert daemon.request("POST", "/containers/anchor/start")[0] == 204
    yield "anchor"
    daemon.request("DELETE", "/containers/anchor?force=1")


@pytest.fixture
def sound(daemon: Daemon, anchor: str) -> Iterator[None]:
    """Whatever a test sends: the daemon answers, has no surprises in its log, holds no more."""
    world, held, logged = state(daemon), usage(daemon), len(daemon.log)
    yield
    assert daemon.request("GET", "/_ping") == (200, b"OK")
    assert state(daemon) == world
    returns_to(daemon, held)
    assert threads(daemon) <= WORKERS
    fresh = daemon.log[logged:]
    told(surprises(fresh))
    assert daemon.get(f"/containers/{anchor}/json")["State"]["Running"]
