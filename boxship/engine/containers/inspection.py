"""Looking at containers without changing them: waiting, processes, counters."""

import asyncio
import os
from collections.abc import Awaitable
from dataclasses import dataclass, replace
from pathlib import Path

from boxship.engine.containers.container import Container, Status
from boxship.engine.containers.context import Context
from boxship.engine.containers.lifecycle import is_alive, next_status
from boxship.engine.containers.waiters import WaitResult
from boxship.engine.runtime.task import TaskStats
from boxship.errors import InternalError, InvalidParameterError

DEFAULT_PS_ARGS = "-ef"


@dataclass(frozen=True, slots=True, kw_only=True)
class Top:
    """The processes of a container as ``ps`` on the host shows them."""

    titles: tuple[str, ...]
    processes: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class InterfaceCounters:
    """Totals of one network interface inside a container."""

    name: str
    rx_bytes: int
    rx_packets: int
    rx_errors: int
    rx_dropped: int
    tx_bytes: int
    tx_packets: int
    tx_errors: int
    tx_dropped: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StatsSample:
    """One reading of a container's counters; ``task`` is None when it does not run."""

    container: Container
    task: TaskStats | None
    interfaces: tuple[InterfaceCounters, ...] = ()
    system_cpu_ns: int = 0
    """CPU time of the whole machine since its start."""
    online_cpus: int = 0


def waiter(context: Context, container: Container, condition: str) -> Awaitable[WaitResult]:
    """Return what resolves when ``condition`` holds. See ContainerService.waiter."""
    if condition in ("", "not-running"):
        if is_alive(container.state.status):
            return context.waiters.for_exit(container.id)
        return _resolved(container)
    if condition == "next-exit":
        return context.waiters.for_exit(container.id)
    if condition == "removed":
        return context.waiters.for_removal(container.id)
    raise InvalidParameterError(f'invalid condition: "{condition}"')


def _resolved(container: Container) -> Awaitable[WaitResult]:
    future: asyncio.Future[WaitResult] = asyncio.get_running_loop().create_future()
    state = container.state
    future.set_result(WaitResult(exit_code=state.exit_code, error=state.error))
    return future


async def top(context: Context, container: Container, ps_args: str) -> Top:
    """Run the host's ``ps`` and keep the container's processes. See ContainerService.top."""
    if container.state.status != Status.PAUSED:
        next_status("exec", container)
    pids = {str(pid) for pid in context.runtime.pids(container.id)}
    return _parse_ps(await run_ps(ps_args or DEFAULT_PS_ARGS), pids)


async def run_ps(ps_args: str) -> str:
    """Return what the host's ``ps`` prints. Raises InternalError when it cannot or will not."""
    pipe = asyncio.subprocess.PIPE
    try:
        process = await asyncio.create_subprocess_exec(
            "ps", *ps_args.split(), stdout=pipe, stderr=pipe
        )
    except FileNotFoundError as error:
        raise InternalError(
            'Error running ps: exec: "ps": executable file not found in $PATH; '
            "processes are listed with the host's ps: install it (Debian's package procps)"
        ) from error
    except (OSError, ValueError) as error:  # too long, or with a NUL in it
        raise InvalidParameterError(f"ps does not take these arguments: {error}") from None
    output, errors = await process.communicate()
    if process.returncode:
        raise InternalError(f"Error running ps: {errors.decode(errors='replace').strip()}")
    return output.decode(errors="replace")


def _parse_ps(output: str, pids: set[str]) -> Top:
    """Keep the rows of ``pids``; the last column takes the rest of its line."""
    lines = output.splitlines() or [""]
    titles = tuple(lines[0].split())
    if "PID" not in titles:
        raise InvalidParameterError("Couldn't find PID field in ps output")
    column = titles.index("PID")
    rows = (tuple(line.split(None, len(titles) - 1)) for line in lines[1:])
    kept = tuple(row for row in rows if len(row) > column and row[column] in pids)
    return Top(titles=titles, processes=kept)


def stats(context: Context, container: Container) -> StatsSample:
    """Read a container's counters once. See ContainerService.stats."""
    if not is_alive(container.state.status):
        return StatsSample(container=container, task=None)
    system_ns, cpus = _system_cpu()
    return StatsSample(
        container=container,
        task=_with_host_limit(context.runtime.stats(container.id)),
        interfaces=_interfaces(container),
        system_cpu_ns=system_ns,
        online_cpus=cpus,
    )


def _with_host_limit(task: TaskStats) -> TaskStats:
    """Show the machine's memory as the limit where there is none, or a larger one."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if 0 < task.memory_limit <= memory:
        return task
    return replace(task, memory_limit=memory)


def _interfaces(container: Container) -> tuple[InterfaceCounters, ...]:
    """Read /proc/PID/net/dev, without the loopback (proc_net(5))."""
    if container.host.network_mode in ("host", "none"):
        return ()
    try:
        lines = Path(f"/proc/{container.state.pid}/net/dev").read_text().splitlines()[2:]
    except OSError:
        return ()
    return tuple(_counters(line) for line in lines if not line.strip().startswith("lo:"))


def _counters(line: str) -> InterfaceCounters:
    name, _, rest = line.partition(":")
    values = [int(value) for value in rest.split()]
    return InterfaceCounters(
        name=name.strip(),
        rx_bytes=values[0],
        rx_packets=values[1],
        rx_errors=values[2],
        rx_dropped=values[3],
        tx_bytes=values[8],
        tx_packets=values[9],
        tx_errors=values[10],
        tx_dropped=values[11],
    )


def _system_cpu() -> tuple[int, int]:
    """Return the machine's CPU time in nanoseconds and its number of CPUs (proc_stat(5))."""
    ticks_ns = 10_000_000
    lines = Path("/proc/stat").read_text().splitlines()
    total = sum(int(value) for value in lines[0].split()[1:8])
    cpus = sum(1 for line in lines[1:] if line.startswith("cpu"))
    return total * ticks_ns, cpus
