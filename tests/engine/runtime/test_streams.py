"""Attached clients and execs, with real crun and conmon."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from boxship.engine.logs.reader import LogQuery, LogRecord, read_log
from boxship.engine.runtime.attachment import Attachment
from boxship.engine.runtime.errors import CommandError
from boxship.engine.runtime.task import AttachRequest, TaskSpec
from boxship.wire import stdcopy

from .conftest import Client, Machine


def attach(
    machine: Machine, spec: TaskSpec, *, stdin: bool = False, detach_keys: bytes = b"\x10\x11"
) -> tuple[Client, Attachment, asyncio.Task[None]]:
    client = Client()
    attachment = machine.service.attach(
        spec.id, AttachRequest(stdin=stdin, detach_keys=detach_keys, framed=False), client
    )
    return client, attachment, asyncio.create_task(attachment.run())


async def until_queued(attachment: Attachment, size: int) -> None:
    """Give the container time to write more than its client takes."""
    for _ in range(5000):
        if attachment.queued >= size:
            return
        await asyncio.sleep(0.001)
    raise AssertionError(f"only {attachment.queued} bytes are waiting")


async def test_input_and_its_end(machine: Machine) -> None:
    spec = machine.spec(open_stdin=True, stdin_once=True)
    client, _, pumping = attach(machine, spec, stdin=True)
    client.send(b"before the start\n")
    await machine.begin(spec, "sh", "-c", "cat; echo end")
    await client.wait_for(b"before the start\n")
    client.send(b"after it\n")
    client.send_eof()
    await pumping
    assert bytes(client.received) == b"before the start\nafter it\nend\n"
    assert (await machine.service.wait_exit(spec.id)).exit_code == 0


async def test_input_ends_before_the_start(machine: Machine) -> None:
    spec = machine.spec(open_stdin=True, stdin_once=True)
    client, _, pumping = attach(machine, spec, stdin=True)
    client.send(b"x" * 300_000)
    client.send_eof()
    await machine.begin(spec, "wc", "-c")
    await pumping
    assert bytes(client.received) == b"300000\n"


async def test_input_stays_open_for_the_next_client(machine: Machine) -> None:
    spec = machine.spec(open_stdin=True)
    await machine.begin(spec, "cat")
    for text in (b"one\n", b"two\n"):
        client, _, pumping = attach(machine, spec, stdin=True)
        client.send(text)
        await client.wait_for(text)
        client.vanish()
        await pumping
    assert (await machine.exec(spec.id, "true"))[0] == 0


async def test_client_without_input_leaves_it_open(machine: Machine) -> None:
    spec = machine.spec(open_stdin=True, stdin_once=True)
    await machine.begin(spec, "cat")
    watcher, _, watching = attach(machine, spec)
    watcher.vanish()
    await watching
    client, _, pumping = attach(machine, spec, stdin=True)
    client.send(b"still open\n")
    await client.wait_for(b"still open\n")
    client.send_eof()
    await pumping


async def test_several_clients(machine: Machine) -> None:
    spec = machine.spec(open_stdin=True)
    await machine.begin(spec, "cat")
    first, second = attach(machine, spec, stdin=True), attach(machine, spec, stdin=True)
    first[0].send(b"from one\n")
    await first[0].wait_for(b"from one\n")
    await second[0].wait_for(b"from one\n")
    second[0].vanish()
    await second[2]
    first[0].send(b"more\n")
    await first[0].wait_for(b"more\n")
    await machine.service.delete(spec.id)
    await first[2]


async def test_terminal(machine: Machine) -> None:
    spec = machine.spec(terminal=True, open_stdin=True)
    client, _, pumping = attach(machine, spec, stdin=True)
    await machine.begin(spec, "sh", process={"console_size": (33, 111)})
    client.send(b"stty size\n")
    await client.wait_for(b"33 111\r\n")
    for rows in (20, 21, 22):
        await machine.service.resize(spec.id, rows, 90)
    client.send(b"stty size; exit 4\n")
    await client.wait_for(b"22 90\r\n")
    await pumping
    assert (await machine.service.wait_exit(spec.id)).exit_code == 4


async def test_detach_and_attach_again(machine: Machine) -> None:
    spec = machine.spec(terminal=True, open_stdin=True, stdin_once=True)
    client, attachment, pumping = attach(machine, spec, stdin=True)
    await machine.begin(spec, "cat")
    client.send(b"hello\x10")
    client.send(b"\x11ignored")
    await pumping
    assert attachment.detached
    client, attachment, pumping = attach(machine, spec, stdin=True, detach_keys=b"q")
    client.send(b"back\n")
    await client.wait_for(b"back\r\n")
    client.send(b"q")
    await pumping
    assert attachment.detached
    assert (await machine.exec(spec.id, "true"))[0] == 0


async def test_much_output_is_whole(machine: Machine) -> None:
    spec = machine.spec(log_path=None)
    client, _, pumping = attach(machine, spec)
    await machine.begin(spec, "dd", "if=/dev/zero", "bs=64k", "count=3200")
    await pumping
    assert bytes(client.received).count(b"\0") == 200 << 20


async def test_slow_client_holds_the_container_up(machine: Machine) -> None:
    spec = machine.spec(log_path=None)
    client, attachment, pumping = attach(machine, spec)
    client.taking.clear()
    await machine.begin(spec, "dd", "if=/dev/zero", "bs=64k", "count=320")
    await until_queued(attachment, 1 << 20)
    assert attachment.queued < 3 << 20
    client.taking.set()
    await pumping
    assert bytes(client.received).count(b"\0") == 20 << 20


async def test_end_is_known_though_a_client_is_stalled(machine: Machine) -> None:
    spec = machine.spec(log_path=None)
    client, attachment, pumping = attach(machine, spec)
    client.taking.clear()
    await machine.begin(spec, "yes")
    await until_queued(attachment, 1 << 20)
    machine.service.signal(spec.id, 9)
    assert (await machine.service.wait_exit(spec.id)).exit_code == 137
    client.taking.set()
    await pumping


async def test_stalled_client_beside_others_is_dropped(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("boxship.engine.runtime.hub.STALL_LIMIT_S", 0.1)
    spec = machine.spec(log_path=None)
    stalled, _, stalling = attach(machine, spec)
    stalled.taking.clear()
    client, _, pumping = attach(machine, spec)
    await machine.begin(spec, "dd", "if=/dev/zero", "bs=64k", "count=320")
    await pumping
    await stalling
    assert bytes(client.received).count(b"\0") == 20 << 20
    assert stalled.closed


async def test_exec(machine: Machine) -> None:
    spec = machine.spec()
    await machine.begin(spec, "sleep", "1000")
    assert await machine.exec(spec.id, "sh", "-c", "echo hi; exit 5") == (5, b"hi\n")
    code, output = await machine.exec(
        spec.id,
        "sh",
        "-c",
        "id -u; pwd; echo $A",
        user="user",
        cwd="/tmp",
        env=("A=1", "PATH=/bin"),
    )
    assert (code, output) == (0, b"1000\n/tmp\n1\n")
    code, output = await machine.exec(
        spec.id, "grep", "CapEff", "/proc/self/status", privileged=True
    )
    assert b"00000000a80425fb" not in output


async def test_exec_with_input(machine: Machine) -> None:
    spec = machine.spec()
    await machine.begin(spec, "sleep", "1000")
    client = Client()
    wanted = machine.exec_spec(spec.id, "wc", "-c", open_stdin=True)
    task = await machine.service.exec(wanted, AttachRequest(stdin=True, framed=False), client)
    client.send(b"y" * 1_000_000)
    client.send_eof()
    await task.wait_streams()
    assert bytes(client.received) == b"1000000\n"
    assert task.exit is not None
    assert task.exit.exit_code == 0


async def test_exec_on_a_terminal(machine: Machine) -> None:
    spec = machine.spec()
    await machine.begin(spec, "sleep", "1000")
    client = Client()
    wanted = machine.exec_spec(spec.id, "sh", open_stdin=True, terminal=True, console_size=(12, 34))
    task = await machine.service.exec(wanted, AttachRequest(stdin=True, framed=False), client)
    serving = asyncio.create_task(task.wait_streams())
    client.send(b"stty size\n")
    await client.wait_for(b"12 34\r\n")
    await machine.service.resize(wanted.id, 56, 78)
    client.send(b"stty size; exit 6\n")
    await client.wait_for(b"56 78\r\n")
    await serving
    assert (await task.wait()).exit_code == 6


async def test_a_terminals_output_is_framed_where_that_is_asked_for(machine: Machine) -> None:
    spec = machine.spec()
    await machine.begin(spec, "sleep", "1000")
    client = Client()
    wanted = machine.exec_spec(spec.id, "sh", "-c", "echo out; echo err >&2", terminal=True)
    task = await machine.service.exec(wanted, AttachRequest(), client)
    await task.wait_streams()
    assert client.streams() == {stdcopy.STDOUT: b"out\r\nerr\r\n"}


async def test_quick_terminal_exec_loses_nothing(machine: Machine) -> None:
    spec = machine.spec()
    await machine.begin(spec, "sleep", "1000")
    for number in range(20):
        code, output = await machine.exec(spec.id, "echo", str(number), terminal=True)
        assert (code, output) == (0, f"{number}\r\n".encode())


async def test_exec_that_cannot_be(machine: Machine) -> None:
    spec = machine.spec()
    await machine.begin(spec, "sleep", "1000")
    with pytest.raises(CommandError, match="OCI runtime exec failed") as caught:
        await machine.exec(spec.id, "nothing-here")
    assert caught.value.exit_code == 127
    with pytest.raises(CommandError) as caught:
        await machine.exec(spec.id, "/etc/passwd")
    assert caught.value.exit_code == 126


async def test_exec_ends_with_its_container(machine: Machine) -> None:
    spec = machine.spec()
    await machine.begin(spec, "sleep", "1000")
    task = await machine.service.exec(machine.exec_spec(spec.id, "sleep", "2000"))
    parent = machine.exec_spec(spec.id, "sh", "-c", "sleep 3000; true")
    killed = await machine.service.exec(parent)
    machine.service.kill_exec(spec.id, killed.id)
    assert (await killed.wait()).exit_code == 137
    await machine.service.delete(spec.id)
    assert (await task.wait()).exit_code == 137


async def collect(path: Path, query: LogQuery, ended: "asyncio.Future[Any]") -> list[LogRecord]:
    return [record async for batch in read_log(path, query, ended) for record in batch]


async def test_log_is_followed_to_the_end(machine: Machine) -> None:
    spec = machine.spec()
    assert spec.log_path is not None
    await machine.begin(
        spec, "sh", "-c", "for i in 1 2 3; do echo $i; sleep 0.05; done; printf prompt"
    )
    ended = asyncio.ensure_future(machine.service.wait_exit(spec.id))
    records = await collect(spec.log_path, LogQuery(follow=True), ended)
    assert b"".join(record.data for record in records) == b"1\n2\n3\nprompt"
    assert records[-1].partial


async def test_log_is_rotated_without_loss(machine: Machine) -> None:
    spec = machine.spec(log_max_bytes=200_000, log_max_files=1000)
    assert spec.log_path is not None
    await machine.begin(spec, "sh", "-c", "for i in $(seq 20); do seq 1000; sleep 0.05; done")
    ended = asyncio.ensure_future(machine.service.wait_exit(spec.id))
    followed = await collect(spec.log_path, LogQuery(follow=True), ended)
    afterwards = await collect(spec.log_path, LogQuery(), ended)
    expected = b"".join(b"%d\n" % number for number in range(1, 1001)) * 20
    assert b"".join(record.data for record in afterwards) == expected
    assert b"".join(record.data for record in followed) == expected
    assert spec.log_path.with_name(spec.log_path.name + ".1").exists()
    assert [r.data for r in await collect(spec.log_path, LogQuery(tail=2), ended)] == [
        b"999\n",
        b"1000\n",
    ]
