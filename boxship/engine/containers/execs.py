"""Further processes in running containers (``exec``)."""

import asyncio
import logging
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from boxship.engine.containers import links, networking
from boxship.engine.containers.container import Container
from boxship.engine.containers.context import Context
from boxship.engine.containers.lifecycle import next_status
from boxship.engine.containers.merge import process_env
from boxship.engine.runtime.errors import RuntimeFailedError
from boxship.engine.runtime.task import AttachRequest, ExecSpec, TaskExit
from boxship.errors import BoxshipError, ConflictError, InvalidParameterError, NotFoundError
from boxship.ids import new_id
from boxship.linux.pidfd import is_gone
from boxship.wire.duplex import Duplex

logger = logging.getLogger(__name__)

ENDING_S = 1.0
"""How long an exec that the runtime could not start waits for its container's end to show."""
PASSING_WORDS = ("is paused", "setns `", "conmon ended without a report")
"""What the runtime says where a container's processes go away or are frozen under an exec."""
FINISHED_KEPT = 1000
"""Ended sessions that can still be inspected, over all containers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecRequest:
    """What a client wants to run (Docker's exec configuration)."""

    args: tuple[str, ...]
    env: tuple[str, ...] = ()
    user: str = ""
    working_dir: str = ""
    tty: bool = False
    privileged: bool = False
    attach_stdin: bool = False
    attach_stdout: bool = False
    attach_stderr: bool = False
    detach_keys: bytes = b"\x10\x11"
    console_size: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecSession:
    """One exec: prepared, running or ended."""

    id: str
    container_id: str
    request: ExecRequest
    running: bool = False
    started: bool = False
    pid: int = 0
    exit_code: int | None = None


class Execs:
    """The exec sessions of this engine's life; as in Docker they are not kept across a restart."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._sessions: dict[str, ExecSession] = {}
        self._background: set[asyncio.Task[None]] = set()

    def create(self, container: Container, request: ExecRequest) -> str:
        """Prepare a session; returns its id."""
        if not request.args:
            raise InvalidParameterError("No exec command specified")
        session = ExecSession(id=new_id(), container_id=container.id, request=request)
        self._sessions[session.id] = session
        self._forget_old()
        self._record(container, session, f"exec_create: {' '.join(request.args)}")
        return session.id

    def get(self, exec_id: str) -> ExecSession:
        """Return a session by whole id or unambiguous prefix."""
        found = self._sessions.get(exec_id)
        if found is not None:
            return found
        matches = [s for s in self._sessions.values() if exec_id and s.id.startswith(exec_id)]
        if len(matches) != 1:
            raise NotFoundError(f"No such exec instance: {exec_id}")
        return matches[0]

    def of_container(self, container_id: str) -> list[str]:
        """Return the ids of a container's running sessions."""
        return [
            session.id
            for session in self._sessions.values()
            if session.container_id == container_id and session.running
        ]

    def check_start(self, exec_id: str) -> ExecSession:
        """Return a session that can be started now. Raises ConflictError otherwise."""
        session = self.get(exec_id)
        if session.started:
            raise ConflictError(f"exec session {session.id} has already run; create another one")
        next_status("exec", self._context.store.get(session.container_id))
        return session

    async def start(
        self,
        exec_id: str,
        client: Duplex | None,
        console_size: tuple[int, int] | None = None,
        *,
        framed: bool = True,
    ) -> None:
        """Run a session. See ContainerService.exec_start."""
        session = self.check_start(exec_id)
        container = self._context.store.get(session.container_id)
        session = self._update(session, started=True, running=True)
        self._record(container, session, f"exec_start: {' '.join(session.request.args)}")
        spec = self._spec(container, session, console_size)
        wanted = _attach_request(session, client, framed)
        try:
            task = await self._context.runtime.exec(spec, wanted, client)
        except BoxshipError as error:
            self._update(session, running=False, exit_code=getattr(error, "exit_code", 126))
            self.kill(session.id)
            await self._check_unchanged(container, error)
            raise
        except BaseException:
            self._update(session, running=False, exit_code=126)
            self.kill(session.id)  # who wanted it left while it began
            raise
        self._update(session, pid=task.pid)
        following = asyncio.create_task(self._follow(container, session, task.wait()))
        self._background.add(following)
        following.add_done_callback(self._background.discard)
        if client is not None:
            detached = await task.wait_streams()
            if not detached:
                await asyncio.wait({following})

    async def _check_unchanged(self, container: Container, error: BoxshipError) -> None:
        """Raise ConflictError or NotFoundError when a container ended, or was frozen, meanwhile:
        what the runtime says of an exec then tells nobody why."""
        lock = self._context.lock(container.id)
        changing = lock.locked()
        async with lock:
            next_status("exec", self._context.current(container))
        by_runtime = isinstance(error, RuntimeFailedError)
        if await self._ends(container, ENDING_S if by_runtime else 0):
            raise ConflictError(f"container {container.id} is not running")
        if by_runtime and (changing or any(words in error.message for words in PASSING_WORDS)):
            raise ConflictError(
                f"container {container.id} was paused, restarted or ended at that moment: try "
                f"again ({error.message})"
            )

    async def _ends(self, container: Container, patience_s: float) -> bool:
        """Tell whether the container's task has ended, or does so within a moment."""
        task = container.state.task
        if task is None or is_gone(task.pid, task.pid_start_time):
            return True
        try:
            ended = self._context.runtime.wait_exit(container.id)
            await asyncio.wait_for(ended, patience_s)
        except NotFoundError:
            return True
        except TimeoutError:
            return False
        return True

    async def _follow(
        self, container: Container, session: ExecSession, ended: Awaitable[TaskExit]
    ) -> None:
        """Keep the end of a session, whether or not its client is still there."""
        result = await ended
        self._update(session, running=False, exit_code=result.exit_code, pid=0)
        self._record(container, session, "exec_die", {"exitCode": str(result.exit_code)})

    def _spec(
        self, container: Container, session: ExecSession, console_size: tuple[int, int] | None
    ) -> ExecSpec:
        request = session.request
        env = (*container.config.env, *request.env)
        config = replace(container.config, tty=request.tty, env=env)
        return ExecSpec(
            id=session.id,
            container_id=container.id,
            args=request.args,
            env=process_env(
                config, networking.hostname(container), links.environment(self._context, container)
            ),
            cwd=request.working_dir or container.config.working_dir or "/",
            user=request.user or container.config.user,
            additional_groups=container.host.group_add,
            terminal=request.tty,
            console_size=console_size or request.console_size,
            open_stdin=request.attach_stdin,
            privileged=request.privileged or container.host.privileged,
        )

    def kill(self, exec_id: str) -> None:
        """End a session's process at once, and what it started; harmless when it has ended."""
        self._context.runtime.kill_exec(self.get(exec_id).container_id, exec_id)

    async def resize(self, exec_id: str, rows: int, columns: int) -> None:
        """Resize the terminal of a running session. Raises ConflictError."""
        session = self.get(exec_id)
        if not session.running:
            raise ConflictError(f"exec session {session.id} is not running")
        await self._context.runtime.resize(session.id, rows, columns)

    def _update(self, session: ExecSession, **changes: Any) -> ExecSession:
        updated = replace(self._sessions.get(session.id, session), **changes)
        self._sessions[session.id] = updated
        return updated

    def _forget_old(self) -> None:
        ended = [s.id for s in self._sessions.values() if s.started and not s.running]
        for exec_id in ended[: max(0, len(ended) - FINISHED_KEPT)]:
            del self._sessions[exec_id]

    def _record(
        self,
        container: Container,
        session: ExecSession,
        action: str,
        attributes: Mapping[str, str] | None = None,
    ) -> None:
        with self._context.database.transaction() as tx:
            self._context.record(
                tx, container, action, {"execID": session.id, **(attributes or {})}
            )


def _attach_request(
    session: ExecSession, client: Duplex | None, framed: bool
) -> AttachRequest | None:
    if client is None:
        return None
    request = session.request
    return AttachRequest(
        stdin=request.attach_stdin,
        stdout=request.attach_stdout,
        stderr=request.attach_stderr,
        detach_keys=request.detach_keys,
        framed=framed,
    )
