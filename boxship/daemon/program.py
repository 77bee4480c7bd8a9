"""The daemon's life: start, serve, reload, end."""

import asyncio
import contextlib
import io
import logging
import os
import signal
import socket
from collections.abc import Mapping
from pathlib import Path

from boxship import __version__
from boxship.api.operations import Operation
from boxship.api.router import Router
from boxship.api.server import ApiServer, ServerFacts
from boxship.daemon.config import DaemonConfig, build_config
from boxship.daemon.logs import configure_logging
from boxship.daemon.metrics import Metrics
from boxship.daemon.notify import notify, notify_reloading, write_ready_fd
from boxship.daemon.options import Values, load
from boxship.daemon.pidfile import write_pidfile
from boxship.daemon.reload import plan_reload
from boxship.daemon.sockets import Listener, open_listeners, tls_context
from boxship.engine import Engine
from boxship.errors import BoxshipError, InvalidParameterError

_log = logging.getLogger(__name__)

_ATTACK_SURFACE = (
    "Access to the remote API is equivalent to root access on the host: use --tlsverify"
)


class Daemon:
    """One engine, its API on some sockets, and the signals that steer them."""

    def __init__(self, flags: Mapping[str, list[str]], values: Values) -> None:
        """``flags``: what the command line gave; a reload reads the file again beneath them."""
        self._flags = flags
        self._values = values
        self._config = build_config(values)
        self._stop = asyncio.Event()
        self._metrics = Metrics()
        self._listeners: list[Listener] = []
        self._engine: Engine
        self._server: ApiServer

    async def run(self) -> None:
        """Serve until SIGTERM or SIGINT; containers stay.

        Raises a BoxshipError when the engine or a socket cannot be opened.
        """
        asyncio.get_running_loop().set_exception_handler(_log_loop_error)
        async with contextlib.AsyncExitStack() as cleanup:
            self._engine = await Engine.open(self._config.engine)
            cleanup.push_async_callback(self._engine.close)
            if self._config.pidfile:
                write_pidfile(Path(self._config.pidfile))
                cleanup.callback(Path(self._config.pidfile).unlink, missing_ok=True)
            self._server = ApiServer(
                self._engine, facts=_facts(self._config, []), observe=self._metrics.observe
            )
            cleanup.push_async_callback(self._close_server)
            await self._listen()
            self._handle_signals()
            self._announce()
            await self._stop.wait()
            notify("STOPPING=1")
            _log.info("Shutting down: running containers are left alone")

    # Start and end

    async def _listen(self) -> None:
        self._listeners = open_listeners(self._config)
        context = tls_context(self._config.tls) if self._config.tls else None
        for listener in self._listeners:
            await self._server.listen(listener.sock, context if listener.encrypted else None)
            _log.info("API listen on %s", listener.host)
        self._server.facts = _facts(self._config, self._listeners)
        if self._config.metrics_address:
            await self._listen_metrics(self._config.metrics_address)

    async def _listen_metrics(self, address: str) -> None:
        host, _, port = address.rpartition(":")
        try:
            sock = socket.create_server((host.strip("[]"), int(port)))
        except (OSError, ValueError) as error:
            raise InvalidParameterError(f"metrics-addr {address!r}: {error}") from None
        operation = Operation("Metrics", "GET", "/metrics", "")
        router = Router([operation], {"Metrics": self._metrics.serve})
        self._metrics_server = ApiServer(self._engine, router=router)
        self._listeners.append(Listener(sock, f"http://{address}/metrics", encrypted=False))
        await self._metrics_server.listen(sock)

    async def _close_server(self) -> None:
        for listener in self._listeners:
            if listener.path is not None:
                listener.path.unlink(missing_ok=True)
        self._engine.images.prepare_stop()
        await self._server.close(max(0, self._config.shutdown_timeout_s))
        if self._config.metrics_address and hasattr(self, "_metrics_server"):
            await self._metrics_server.close(0)
        for listener in self._listeners:
            listener.sock.close()

    def _announce(self) -> None:
        _log.info("Boxship daemon %s has completed initialization", __version__)
        notify("READY=1")
        write_ready_fd(self._config.ready_fd)

    # Signals

    def _handle_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        loop.add_signal_handler(signal.SIGHUP, self.reload)
        loop.add_signal_handler(signal.SIGUSR1, log_task_stacks)

    def reload(self) -> None:
        """Read the file again and apply what can be applied; an error changes nothing."""
        notify_reloading()
        try:
            self._apply(load(self._flags))
        except BoxshipError as error:
            _log.error("Could not reload the configuration: %s", error.message)
        finally:
            notify("READY=1")

    def _apply(self, wanted: Values) -> None:
        outcome = plan_reload(self._values, wanted)
        self._engine.reconfigure(outcome.config.engine)
        self._values, self._config = outcome.values, outcome.config
        configure_logging(self._config.log_level, self._config.log_format)
        self._server.facts = _facts(self._config, self._listeners)
        _log.info("Reloaded configuration: %s", ", ".join(outcome.applied) or "nothing changed")
        if outcome.needs_restart:
            _log.warning(
                "Changed settings that need a restart of the daemon: %s",
                ", ".join(outcome.needs_restart),
            )
        attributes = {"name": _engine_name(self._config), **outcome.event_attributes()}
        self._engine.events.emit("daemon", "reload", self._engine.id, attributes)


def _engine_name(config: DaemonConfig) -> str:
    return config.engine.name or os.uname().nodename


def _facts(config: DaemonConfig, listeners: list[Listener]) -> ServerFacts:
    return ServerFacts(
        min_api_version=config.min_api_version,
        debug=config.debug,
        experimental=config.experimental,
        warnings=tuple(warning for item in listeners if (warning := _warning(item, config))),
    )


def _warning(listener: Listener, config: DaemonConfig) -> str:
    if not listener.host.startswith("tcp://"):
        return ""
    address = listener.host.removeprefix("tcp://")
    if config.tls is None:
        return (
            f"WARNING: API is accessible on http://{address} without encryption. {_ATTACK_SURFACE}"
        )
    if not config.tls.verify:
        return (
            f"WARNING: API is accessible on https://{address} without TLS client verification. "
            f"{_ATTACK_SURFACE}"
        )
    return ""


def log_task_stacks() -> None:
    """Write the stack of every task to the log (SIGUSR1)."""
    text = io.StringIO()
    for task in asyncio.all_tasks():
        task.print_stack(file=text)
    _log.info("Stacks of all tasks:\n%s", text.getvalue())


def _log_loop_error(_loop: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
    error = context.get("exception")
    _log.error(
        "%s", context.get("message"), exc_info=error if isinstance(error, Exception) else None
    )
