"""Tasks that an engine made and did not live to know of."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from boxship.engine.runtime import strays
from boxship.engine.runtime.service import RuntimeService
from tests.engine.runtime.conftest import Machine
from tests.support.waiting import wait_until

SOON = 5.0
"""Less than the time that is given to a runtime which does not answer."""


@pytest.mark.parametrize("conmon_lives", [True, False])
async def test_a_created_task_that_nobody_knows_is_ended(
    machine: Machine, conmon_lives: bool
) -> None:
    known, unknown = machine.spec(), machine.spec()
    handles = [
        await machine.service.create(spec, machine.workload(spec, "sleep", "900"))
        for spec in (known, unknown)
    ]
    await machine.service.start(known.id)
    await machine.service.close()
    if not conmon_lives:
        os.kill(handles[1].conmon_pid, signal.SIGKILL)
    machine.service = RuntimeService(machine.config)
    await machine.service.open()
    assert await machine.service.adopt(known, handles[0]) is None
    async with asyncio.timeout(SOON):
        await machine.service.end_strays(unknown.bundle.parent)
    assert machine.service.pids(known.id) == [handles[0].pid]
    assert not _runs(handles[1].pid)
    assert not _runs(handles[1].conmon_pid)
    assert not list(machine.config.exec_root.glob(f"runtimes/*/{unknown.id}"))


async def test_a_creation_under_way_is_awaited(machine: Machine) -> None:
    spec = machine.spec()
    creation = asyncio.create_task(
        machine.service.create(spec, machine.workload(spec, "sleep", "900"))
    )
    await asyncio.to_thread(wait_until, (spec.bundle / "attach").exists)  # conmon's first act
    async with asyncio.timeout(SOON):
        assert await strays.end(spec.bundle.parent, ()) == [spec.id]
    await asyncio.wait((creation,))
    if creation.exception() is None:
        assert not _runs(creation.result().pid)
    assert await strays.end(spec.bundle.parent, ()) == []
    await machine.service.delete(spec.id)
    assert not list(machine.config.exec_root.glob(f"runtimes/*/{spec.id}"))


def _runs(pid: int) -> bool:
    """Tell whether a process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes() != b""
    except (FileNotFoundError, ProcessLookupError):
        return False
