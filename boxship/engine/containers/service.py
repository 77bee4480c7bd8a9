"""The verbs on containers: the only thing that other packages call.

Each verb finds its container by a *reference*: whole id, name, or an unambiguous prefix of the id.
All raise NotFoundError for an unknown reference and, where the container's state forbids the verb,
the refusal of :mod:`boxship.engine.containers.lifecycle`.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager

from boxship.engine.config import EngineConfig
from boxship.engine.containers import (
    archive,
    forwarding,
    inspection,
    links,
    logs,
    membership,
    pausing,
    removal,
    workloads,
)
from boxship.engine.containers.archive import PathStat
from boxship.engine.containers.attach import AttachOptions, attach
from boxship.engine.containers.commit import CommitRequest, commit
from boxship.engine.containers.container import Container, ContainerRequest, RestartPolicy, Status
from boxship.engine.containers.context import Context
from boxship.engine.containers.creation import Created, create
from boxship.engine.containers.execs import ExecRequest, Execs, ExecSession
from boxship.engine.containers.filters import ListQuery, select_containers
from boxship.engine.containers.health import HealthMonitors
from boxship.engine.containers.inspection import StatsSample, Top
from boxship.engine.containers.lifecycle import next_status
from boxship.engine.containers.logs import LogOptions
from boxship.engine.containers.platforms import emulate
from boxship.engine.containers.recovery import recover
from boxship.engine.containers.runner import Runner
from boxship.engine.containers.waiters import WaitResult
from boxship.engine.images.image import Image
from boxship.engine.logs.reader import LogRecord
from boxship.engine.networks.sandbox import EndpointSpec
from boxship.engine.runtime.workload import Resources
from boxship.wire.duplex import Duplex


class ContainerService:
    """Everything that can be done with containers."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self.execs = Execs(context)
        self._runner = Runner(context, HealthMonitors(context, self.execs))

    async def open(self) -> None:
        """Take up what an earlier engine left: running tasks, half-done acts, restart policies."""
        await recover(self._context, self._runner)
        await emulate(self._context.store.all())

    def reconfigure(self, config: EngineConfig) -> None:
        """Use other defaults from now on."""
        self._context.config = config

    async def close(self) -> None:
        """Stop watching; the containers go on."""
        await self._runner.close()

    def get(self, reference: str) -> Container:
        """Return one container."""
        return self._context.store.get(reference)

    def select(self, query: ListQuery) -> list[Container]:
        """Return the containers that a query selects, newest first."""
        return select_containers(self._context.store, self._context.networks, query)

    async def create(self, request: ContainerRequest) -> Created:
        """Make a container that is not started yet.

        Raises NotFoundError without the image, ConflictError for a name in use and
        InvalidParameterError for a bad option; nothing is left behind by a failure.
        """
        return await create(self._context, request)

    async def start(self, reference: str) -> None:
        """Start it. Raises NotModifiedError when it runs already."""
        await self._runner.start(self.get(reference))

    async def stop(self, reference: str, *, signal: str = "", timeout_s: int | None = None) -> None:
        """Send the stop signal, then SIGKILL after ``timeout_s`` seconds (-1: never).

        Raises NotModifiedError when it does not run.
        """
        await self._runner.stop(self.get(reference), signal=signal, timeout_s=timeout_s)

    async def restart(
        self, reference: str, *, signal: str = "", timeout_s: int | None = None
    ) -> None:
        """Stop it where it runs, then start it."""
        await self._runner.restart(self.get(reference), signal=signal, timeout_s=timeout_s)

    async def kill(self, reference: str, signal: str = "") -> None:
        """Send a signal (default SIGKILL) to the main process; after SIGKILL it has ended.

        Raises InternalError where it has not, ten seconds later.
        """
        await self._runner.kill(self.get(reference), signal)

    async def pause(self, reference: str) -> None:
        """Freeze all its processes."""
        await self._runner.pause(self.get(reference))

    async def unpause(self, reference: str) -> None:
        """Let them go on."""
        await self._runner.unpause(self.get(reference))

    def paused(self, ids: Sequence[str]) -> AbstractAsyncContextManager[tuple[str, ...]]:
        """Keep those of some containers that run paused meanwhile; gives their ids."""
        return pausing.paused(self._context, self._runner, ids)

    def running(self, ids: Sequence[str]) -> tuple[str, ...]:
        """Return those of some ids whose containers run, paused ones too."""
        return pausing.running(self._context, ids)

    async def rename(self, reference: str, name: str) -> None:
        """Give it another name. Raises ConflictError when that is taken."""
        await removal.rename(self._context, self.get(reference), name)

    async def remove(
        self, reference: str, *, force: bool = False, volumes: bool = False, link: bool = False
    ) -> None:
        """Remove it; ``force`` kills it first, ``volumes`` removes its anonymous volumes.

        With ``link`` the reference is ``parent/alias``, and only that link goes.
        """
        if link:
            await links.remove(self._context, reference)
            return
        await removal.remove(
            self._context, self._runner, self.get(reference), force=force, volumes=volumes
        )

    async def commit(self, reference: str, request: CommitRequest) -> Image:
        """Make an image of what it changed; what is mounted into it is left out.

        Raises ConflictError while or once it is removed, InvalidParameterError for a bad
        instruction or name; nothing is left behind by a failure.
        """
        return await commit(self._context, self._runner, self.get(reference), request)

    async def prune(self, filters: removal.Filters) -> removal.Pruned:
        """Remove all stopped containers that pass ``filters`` (until, label, label!)."""
        return await removal.prune(self._context, self._runner, filters)

    async def plan_prune(self, filters: removal.Filters) -> removal.Pruned:
        """Return what ``prune`` would remove."""
        return await removal.plan_prune(self._context, filters)

    def waiter(self, reference: str, condition: str = "not-running") -> Awaitable[WaitResult]:
        """Return what resolves at ``not-running``, ``next-exit`` or ``removed``.

        It is registered when this returns: nothing that happens later is missed.
        """
        return inspection.waiter(self._context, self.get(reference), condition)

    async def attach(self, reference: str, options: AttachOptions, client: Duplex) -> None:
        """Join a client with the container's streams, until either side ends."""
        await attach(self._context, self.get(reference), options, client)

    def check_attach(self, reference: str) -> Container:
        """Return the container that a client may attach to now, before it is taken raw."""
        container = self.get(reference)
        next_status("attach", container)
        return container

    def logs(self, reference: str, options: LogOptions) -> AsyncIterator[list[LogRecord]]:
        """Yield batches of log records. Raises NotSupportedError where the driver keeps none."""
        return logs.read(self._context, self.get(reference), options)

    async def top(self, reference: str, ps_args: str = "") -> Top:
        """List its processes, with the columns that ``ps`` gives for ``ps_args``."""
        return await inspection.top(self._context, self.get(reference), ps_args)

    def stats(self, reference: str) -> StatsSample:
        """Read its counters once; all zero when it does not run."""
        return inspection.stats(self._context, self.get(reference))

    async def resize(self, reference: str, rows: int, columns: int) -> None:
        """Resize its terminal. Raises ConflictError when it does not run."""
        container = self.get(reference)
        next_status("exec", container)
        await self._context.runtime.resize(container.id, rows, columns)

    async def update(
        self, reference: str, resources: Resources, restart_policy: RestartPolicy | None
    ) -> list[str]:
        """Change limits and restart policy, at once where it runs. Returns warnings."""
        return await removal.update(self._context, self.get(reference), resources, restart_policy)

    async def connect(self, reference: str, endpoint: EndpointSpec) -> None:
        """Bring it onto one more network, at once where it runs."""
        await membership.connect(self._context, self.get(reference), endpoint)

    async def disconnect(self, reference: str, network: str, *, force: bool = False) -> None:
        """Take it off a network; ``force`` forgives that it is not on it."""
        await membership.disconnect(self._context, self.get(reference), network, force=force)

    def exec_create(self, reference: str, request: ExecRequest) -> str:
        """Prepare a further process in a running container; returns its id."""
        container = self.get(reference)
        next_status("exec", container)
        return self.execs.create(container, request)

    def exec_get(self, exec_id: str) -> ExecSession:
        """Return an exec session. Raises NotFoundError."""
        return self.execs.get(exec_id)

    async def exec_start(
        self,
        exec_id: str,
        client: Duplex | None,
        console_size: tuple[int, int] | None = None,
        *,
        framed: bool = True,
    ) -> None:
        """Run it; with a client until it ends or the client detaches, without in the background.

        framed: tell the client stdout from stderr by stdcopy frames; all that a terminal says is
        stdout.
        """
        await self.execs.start(exec_id, client, console_size, framed=framed)

    async def exec_resize(self, exec_id: str, rows: int, columns: int) -> None:
        """Resize the terminal of an exec session."""
        await self.execs.resize(exec_id, rows, columns)

    async def path_stat(self, reference: str, path: str) -> PathStat:
        """Describe a path inside it. Raises NotFoundError."""
        return await asyncio.to_thread(archive.path_stat, self._context, self.get(reference), path)

    def pack_path(self, reference: str, path: str) -> Iterator[bytes]:
        """Yield a tar archive of a path inside it. Raises NotFoundError at the first step.

        [blocking: iterate it in a thread]
        """
        return archive.pack_path(self._context, self.get(reference), path)

    async def unpack_into(
        self,
        reference: str,
        path: str,
        content: Iterable[bytes],
        *,
        keep_kinds: bool = False,
        as_user: bool = False,
    ) -> None:
        """Unpack a tar archive into a directory inside it; ``content`` is read in a thread.

        See :func:`boxship.engine.containers.archive.unpack_into`.
        """
        await asyncio.to_thread(
            archive.unpack_into,
            self._context,
            self.get(reference),
            path,
            content,
            keep_kinds=keep_kinds,
            as_user=as_user,
        )

    def links(self, container: Container) -> tuple[str, ...]:
        """Return its links as Docker shows them: ``/child:/parent/alias``."""
        return links.shown(self._context, container)

    def names_by_links(self) -> dict[str, list[str]]:
        """Return what else containers are called, by id: ``/parent/alias``."""
        return links.further_names(self._context)

    def files_dir(self, container: Container) -> str:
        """Directory of its ``hosts``, ``hostname`` and ``resolv.conf``."""
        return str(self._context.files_dir(container.id))

    def apparmor_profile(self, container: Container) -> str:
        """Name of its AppArmor profile, or empty where the machine has no AppArmor."""
        return workloads.apparmor_profile(self._context, container)

    def log_path(self, container: Container) -> str:
        """Path of its log, or empty where its driver keeps none."""
        return str(forwarding.log_path(self._context, container) or "")

    def counts(self) -> dict[Status, int]:
        """Return how many containers are in each state."""
        counts = dict.fromkeys(Status, 0)
        for container in self._context.store.all():
            counts[container.state.status] += 1
        return counts
