"""Links of the default bridge (``--link``): other containers' names, addresses and variables.

On the default bridge, which has no name server, a container that links to another finds it by an
alias in its hosts file and by variables of its environment (moby, ``daemon/links.go`` and
``daemon/links``). A stored link is ``<id>:<alias>``, so that renames do it no harm; what is shown
has names. Networks of users' own have links too, which belong to the endpoint.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from boxship.engine.containers import networking
from boxship.engine.containers.container import Container, HostConfig
from boxship.engine.containers.context import Context
from boxship.engine.networks.sandbox import EndpointSpec
from boxship.errors import ConflictError, InvalidParameterError, NotFoundError

_NOT_TOLD = frozenset({"HOME", "PATH"})


def resolve(context: Context, host: HostConfig) -> tuple[str, ...]:
    """Return the links of a new container as they are stored.

    Raises InvalidParameterError for a link to nothing, ConflictError for one to a container that
    has the host's network.
    """
    if not is_legacy(host):
        return host.links
    return tuple(_resolve(context, text) for text in host.links)


def is_legacy(host: HostConfig) -> bool:
    """Tell whether a container's links are those of the default bridge."""
    return host.network_mode in ("", "default", networking.DEFAULT_NETWORK)


def _resolve(context: Context, text: str) -> str:
    name, separator, alias = text.partition(":")
    if not name or ":" in alias or (separator and not alias):
        raise InvalidParameterError(f"bad format for links: {text}")
    # Docker shows /child:/parent/alias, and takes what it shows.
    alias = (alias or name).rpartition("/")[2]
    try:
        target = context.store.get(name)
    except NotFoundError as error:
        raise InvalidParameterError(f"could not get container for {name}: {error}") from None
    if target.host.network_mode == "host":
        raise ConflictError(
            "conflicting options: host type networking can't be used with links. "
            "This would result in undefined behavior"
        )
    return f"{target.id}:{alias}"


def linked(context: Context, container: Container) -> Iterator[tuple[Container, str]]:
    """Yield the containers that one links to, with their aliases; not those that are gone."""
    if not is_legacy(container.host):
        return
    for text in container.host.links:
        container_id, _, alias = text.partition(":")
        target = context.store.by_id(container_id)
        if target is not None:
            yield target, alias


def shown(context: Context, container: Container) -> tuple[str, ...]:
    """Return a container's links as inspect shows them: ``/child:/parent/alias``."""
    if not is_legacy(container.host):
        return container.host.links
    return tuple(
        f"/{target.name}:/{container.name}/{alias}" for target, alias in linked(context, container)
    )


def further_names(context: Context) -> dict[str, list[str]]:
    """Return, by container id, the names that links give: ``/parent/alias``."""
    names: dict[str, list[str]] = {}
    for parent in context.store.all():
        for target, alias in linked(context, parent):
            names.setdefault(target.id, []).append(f"/{parent.name}/{alias}")
    return names


def endpoints(context: Context, container: Container) -> tuple[EndpointSpec, ...]:
    """Return a container's endpoints, the default bridge's with what the container links to."""
    found = tuple(f"{target.id}:{alias}" for target, alias in linked(context, container))
    return tuple(
        replace(spec, links=found) if found and spec.network == networking.DEFAULT_NETWORK else spec
        for spec in container.endpoints
    )


def check_running(context: Context, container: Container) -> None:
    """Raise ConflictError, in Docker's words, where one links to a container that is not up."""
    for target, alias in linked(context, container):
        if not target.state.pid:
            raise ConflictError(
                f"Cannot link to a non running container: /{target.name} "
                f"AS /{container.name}/{alias}"
            )


def environment(context: Context, container: Container) -> tuple[str, ...]:
    """Return the variables that tell a container of those it links to, as far as they run."""
    entries: list[str] = []
    for target, alias in linked(context, container):
        address = _address(context, target)
        if address:
            entries += variables(f"/{container.name}/{alias}", alias, address, target)
    return tuple(entries)


def _address(context: Context, target: Container) -> str:
    sandbox = context.networks.sandbox(target.id)
    for endpoint in sandbox.endpoints if sandbox else ():
        if endpoint.network_name == networking.DEFAULT_NETWORK:
            return endpoint.ipv4
    return ""


def variables(full_name: str, alias: str, address: str, target: Container) -> Iterator[str]:
    """Yield what is told of one linked container, which has ``address``."""
    prefix = alias.upper().replace("-", "_")
    ports = sorted(map(_port, target.config.exposed_ports), key=_tcp_first)
    if ports:
        yield f"{prefix}_PORT={ports[0][1]}://{address}:{ports[0][0]}"
    for run in _runs(ports):
        yield from _port_variables(prefix, address, run)
    yield f"{prefix}_NAME={full_name}"
    for entry in target.config.env:
        name, separator, value = entry.partition("=")
        if separator and name not in _NOT_TOLD:
            yield f"{prefix}_ENV_{name}={value}"


def _port(text: str) -> tuple[int, str]:
    number, _, protocol = text.partition("/")
    return int(number), protocol or "tcp"


def _tcp_first(port: tuple[int, str]) -> tuple[bool, str, int]:
    number, protocol = port
    return protocol != "tcp", protocol, number


def _runs(ports: Sequence[tuple[int, str]]) -> list[list[tuple[int, str]]]:
    """Split sorted ports into runs of neighbours."""
    runs: list[list[tuple[int, str]]] = []
    for number, protocol in ports:
        if runs and runs[-1][-1] == (number - 1, protocol):
            runs[-1].append((number, protocol))
        else:
            runs.append([(number, protocol)])
    return runs


def _port_variables(prefix: str, address: str, run: list[tuple[int, str]]) -> Iterator[str]:
    for number, protocol in run:
        name = f"{prefix}_PORT_{number}_{protocol.upper()}"
        yield f"{name}={protocol}://{address}:{number}"
        yield f"{name}_ADDR={address}"
        yield f"{name}_PORT={number}"
        yield f"{name}_PROTO={protocol}"
    (first, protocol), (last, _) = run[0], run[-1]
    if first != last:
        name = f"{prefix}_PORT_{first}_{protocol.upper()}"
        yield f"{name}_START={protocol}://{address}:{first}"
        yield f"{name}_PORT_START={first}"
        yield f"{name}_END={protocol}://{address}:{last}"
        yield f"{name}_PORT_END={last}"


async def remove(context: Context, name: str) -> None:
    """Take away the link ``parent/alias``; the hosts file follows when the parent is started.

    Raises ConflictError for a container's own name, NotFoundError where there is no such link.
    """
    parent_name, separator, alias = name.strip("/").rpartition("/")
    if not separator:
        raise ConflictError("Conflict, cannot remove the default link name of the container")
    try:
        parent = context.store.get(parent_name)
    except NotFoundError:
        raise NotFoundError(f"Cannot get parent {parent_name} for link name /{name}") from None
    async with context.lock(parent.id):
        current = context.current(parent)
        links = current.host.links
        kept = tuple(text for text in links if text.partition(":")[2] != alias)
        if kept == links or not is_legacy(current.host):
            raise NotFoundError(f"No such container: {name}")
        with context.database.transaction() as tx:
            changed = replace(current, host=replace(current.host, links=kept))
            context.store.update(tx, changed)
