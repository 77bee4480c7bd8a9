"""The logs of running containers on their way to the drivers that they chose."""

import asyncio
from functools import partial
from pathlib import Path

from boxship.engine.containers.container import Container
from boxship.engine.containers.context import Context
from boxship.engine.containers.merge import command_line
from boxship.engine.logs.drivers import jsonfile
from boxship.engine.logs.drivers.driver import LogDriver, LogInfo
from boxship.engine.logs.drivers.table import forwards, open_driver
from boxship.engine.logs.forwarding import Forwarder


def log_path(context: Context, container: Container) -> Path | None:
    """Return the file that inspect shows as the log; None where none is kept."""
    driver = container.host.log_driver
    if driver == "none":
        return None
    if driver == "json-file":
        return jsonfile.path_of(str(context.files_dir(container.id)), container.id)
    return context.log_path(container.id)


async def open_log_driver(context: Context, container: Container) -> LogDriver | None:
    """Open the driver of a container, if it forwards. Raises InternalError where that fails."""
    name = container.host.log_driver
    if not forwards(name):
        return None
    context.files_dir(container.id).mkdir(parents=True, exist_ok=True, mode=0o710)
    return await asyncio.to_thread(open_driver, name, _info(context, container))


class Forwarding:
    """One forwarder for each container whose driver wants one."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._forwarders: dict[str, Forwarder] = {}

    def begin(self, container: Container, driver: LogDriver | None = None) -> None:
        """Forward a container's log from now on, beginning where it was left off."""
        name = container.host.log_driver
        if not forwards(name):
            return
        forwarder = Forwarder(
            self._context.log_path(container.id),
            container.name,
            partial(open_driver, name, _info(self._context, container)),
            driver,
            self._forwarders.get(container.id),
        )
        self._forwarders[container.id] = forwarder
        forwarder.when_done(lambda: self._forget(container.id, forwarder))

    def _forget(self, container_id: str, forwarder: Forwarder) -> None:
        if self._forwarders.get(container_id) is forwarder:
            del self._forwarders[container_id]

    async def end(self, container: Container) -> None:
        """Deliver the rest of an ended container's log; wait for it where it is removed then."""
        if container.id not in self._forwarders:
            self.begin(container)  # it ended while no engine was there
        forwarder = self._forwarders.get(container.id)
        if forwarder is not None:
            forwarder.end()
            if container.host.auto_remove:
                await forwarder.wait()

    async def close(self) -> None:
        """Stop; the next engine goes on."""
        for forwarder in list(self._forwarders.values()):
            await forwarder.abandon()


def _info(context: Context, container: Container) -> LogInfo:
    config = container.config
    return LogInfo(
        container_id=container.id,
        container_name=container.name,
        image_id=container.image_id.removeprefix("sha256:"),
        image_name=config.image,
        command=" ".join(command_line(config)),
        created_at_ns=container.created_at_ns,
        labels=config.labels,
        env=config.env,
        directory=str(context.files_dir(container.id)),
        options=container.host.log_opts,
    )
