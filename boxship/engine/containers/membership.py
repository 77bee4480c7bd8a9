"""Which networks a container is on: joining and leaving after its creation."""

from dataclasses import replace

from boxship.engine.containers import networking
from boxship.engine.containers.container import Container, Status
from boxship.engine.containers.context import Context
from boxship.engine.containers.lifecycle import is_alive
from boxship.engine.networks.sandbox import EndpointSpec
from boxship.errors import ConflictError, ForbiddenError, InvalidParameterError


async def connect(context: Context, container: Container, endpoint: EndpointSpec) -> None:
    """Join a network. See ContainerService.connect."""
    _check_mode(container)
    async with context.lock(container.id):
        current = context.current(container)
        if current.state.status in (Status.REMOVING, Status.DEAD):
            raise ConflictError(
                f"Container {current.id} is marked for removal and cannot be connected or "
                "disconnected to the network"
            )
        name = context.networks.get(endpoint.network).name
        if any(known.network == name for known in current.endpoints):
            raise ForbiddenError(
                f"endpoint with name {current.name} already exists in network {name}"
            )
        if is_alive(current.state.status):
            await context.networks.connect(name, current.id, endpoint)
        added = replace(endpoint, network=name)
        _write(context, replace(current, endpoints=(*current.endpoints, added)))


async def disconnect(context: Context, container: Container, network: str, *, force: bool) -> None:
    """Leave a network. See ContainerService.disconnect."""
    _check_mode(container)
    async with context.lock(container.id):
        current = context.current(container)
        kept = tuple(known for known in current.endpoints if known.network != network)
        if kept == current.endpoints:
            if force:
                return
            raise ForbiddenError(
                f"container {current.id} is not connected to the network {network}"
            )
        if is_alive(current.state.status):
            await context.networks.disconnect(network, current.id)
        _write(context, replace(current, endpoints=kept))


def _check_mode(container: Container) -> None:
    mode = networking.mode(container)
    if mode == "host":
        raise ForbiddenError(
            "container cannot be disconnected from host network or connected to host network"
        )
    if mode.startswith("container:"):
        raise InvalidParameterError(
            "container sharing network namespace with another container or host cannot be "
            "connected to any other network"
        )


def _write(context: Context, container: Container) -> None:
    with context.database.transaction() as tx:
        context.store.update(tx, container)
