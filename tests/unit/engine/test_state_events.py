import asyncio
import sqlite3
import time
from pathlib import Path

import pytest

from boxship.engine.events.event import Event
from boxship.engine.events.service import MIGRATIONS, EventService
from boxship.engine.state.database import Database, Migration
from boxship.engine.state.lock import InstanceLock
from boxship.errors import ConflictError, InternalError, InvalidParameterError

THINGS = Migration("things-1", "CREATE TABLE things (name TEXT PRIMARY KEY);")


def open_database(path: Path) -> Database:
    return Database.open(path / "state.db", (THINGS, *MIGRATIONS))


def test_a_failed_transaction_leaves_nothing(tmp_path: Path) -> None:
    database = open_database(tmp_path)
    called: list[str] = []
    with pytest.raises(sqlite3.IntegrityError), database.transaction() as tx:
        tx.execute("INSERT INTO things VALUES ('a')")
        tx.on_commit(lambda: called.append("a"))
        tx.execute("INSERT INTO things VALUES ('a')")
    assert database.query("SELECT * FROM things") == []
    assert called == []


def test_nested_transactions_commit_together(tmp_path: Path) -> None:
    database = open_database(tmp_path)
    with pytest.raises(RuntimeError), database.transaction() as outer:
        outer.execute("INSERT INTO things VALUES ('a')")
        with database.transaction() as inner:
            inner.execute("INSERT INTO things VALUES ('b')")
        raise RuntimeError
    assert database.query("SELECT * FROM things") == []


def test_state_survives_reopening_and_migrates_once(tmp_path: Path) -> None:
    database = open_database(tmp_path)
    with database.transaction() as tx:
        tx.execute("INSERT INTO things VALUES ('a')")
    database.close()
    again = open_database(tmp_path)
    assert [row["name"] for row in again.query("SELECT name FROM things")] == ["a"]


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "state.db").write_bytes(b"x" * 8192)
    with pytest.raises(InternalError, match=r"state\.db cannot be used"):
        open_database(tmp_path)


def test_the_lock_names_its_owner(tmp_path: Path) -> None:
    lock = InstanceLock.acquire(tmp_path)
    with pytest.raises(ConflictError, match=r"pid \d+"):
        InstanceLock.acquire(tmp_path)
    lock.release()
    InstanceLock.acquire(tmp_path).release()


async def collect(service: EventService, count: int, **filters: tuple[str, ...]) -> list[Event]:
    found: list[Event] = []
    async for event in service.subscribe(0, None, filters):
        found.append(event)
        if len(found) == count:
            break
    return found


async def test_replay_then_live_in_order(tmp_path: Path) -> None:
    service = EventService(open_database(tmp_path))
    service.emit("container", "create", "c1", {"name": "web"})
    task = asyncio.create_task(collect(service, 2))
    await asyncio.sleep(0)
    service.emit("container", "start", "c1", {"name": "web"})
    found = await asyncio.wait_for(task, 5)
    assert [event.action for event in found] == ["create", "start"]
    assert found[0].time_ns < found[1].time_ns


async def test_events_of_a_rolled_back_change_are_never_told(tmp_path: Path) -> None:
    database = open_database(tmp_path)
    service = EventService(database)
    with pytest.raises(RuntimeError), database.transaction() as tx:
        service.record(tx, "container", "create", "c1")
        raise RuntimeError
    service.emit("container", "start", "c2")
    assert [event.actor_id for event in await collect(service, 1)] == ["c2"]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"type": ("image",)}, ["pull"]),
        ({"event": ("exec_create",)}, ["exec_create: sh"]),
        ({"container": ("web",)}, ["create", "exec_create: sh"]),
        ({"container": ("c1", "other")}, ["create", "exec_create: sh"]),
        ({"image": ("busybox",)}, ["create", "exec_create: sh", "pull"]),
        ({"label": ("tier=front",)}, ["create"]),
        ({"label": ("tier",)}, ["create"]),
        ({"label": ("tier=back",)}, []),
    ],
)
async def test_filters(
    tmp_path: Path, filters: dict[str, tuple[str, ...]], expected: list[str]
) -> None:
    service = EventService(open_database(tmp_path))
    base = {"name": "web", "image": "busybox:latest"}
    service.emit("container", "create", "c1", {**base, "tier": "front"})
    service.emit("container", "exec_create: sh", "c1", base)
    service.emit("image", "pull", "busybox", {"name": "busybox"})
    past = service.subscribe(0, time.time_ns(), filters)
    found = [event.action async for event in past]
    assert found == expected


async def test_an_unknown_filter_is_refused(tmp_path: Path) -> None:
    service = EventService(open_database(tmp_path))
    with pytest.raises(InvalidParameterError, match="invalid filter 'colour'"):
        await collect(service, 1, colour=("red",))


async def test_closing_ends_listeners(tmp_path: Path) -> None:
    service = EventService(open_database(tmp_path))
    task = asyncio.create_task(collect(service, 1))
    await asyncio.sleep(0)
    service.close()
    assert await asyncio.wait_for(task, 5) == []
