"""What a container asks of its networks."""

from dataclasses import replace

from boxship.engine.containers.container import Container
from boxship.engine.containers.context import Context
from boxship.engine.networks.sandbox import EndpointSpec, PortSpec, SandboxSpec
from boxship.errors import ConflictError, NotFoundError
from boxship.ids import short_id

DEFAULT_NETWORK = "bridge"


def hostname(container: Container) -> str:
    """Return the container's host name: the configured one, or its short id."""
    return container.config.hostname or short_id(container.id)


def mode(container: Container) -> str:
    """Return ``host``, ``none``, ``container:REF`` or ``networks``."""
    network_mode = container.host.network_mode
    if container.config.network_disabled:
        return "none"
    if network_mode in ("host", "none") or network_mode.startswith("container:"):
        return network_mode
    return "networks"


def endpoints(
    network_mode: str, given: tuple[EndpointSpec, ...], mac_address: str = ""
) -> tuple[EndpointSpec, ...]:
    """Return the endpoints of a new container: what was given, with the mode's network first."""
    if network_mode in ("host", "none") or network_mode.startswith("container:"):
        return ()
    main = DEFAULT_NETWORK if network_mode in ("", "default") else network_mode
    named = {
        DEFAULT_NETWORK if endpoint.network == "default" else endpoint.network: endpoint
        for endpoint in given
    }
    first = named.pop(main, None) or EndpointSpec(network=main)
    if mac_address and not first.mac_address:
        first = replace(first, mac_address=mac_address)
    rest = (replace(endpoint, network=name) for name, endpoint in named.items())
    return (replace(first, network=main), *rest)


def ports(container: Container) -> tuple[PortSpec, ...]:
    """Return the wanted mappings, with every exposed port under ``--publish-all``."""
    bindings = container.host.port_bindings
    if not container.host.publish_all_ports:
        return bindings
    bound = {(port.container_port, port.protocol) for port in bindings}
    exposed = (_exposed(text) for text in container.config.exposed_ports)
    extra = (port for port in exposed if (port.container_port, port.protocol) not in bound)
    return (*bindings, *extra)


def _exposed(text: str) -> PortSpec:
    port, _, protocol = text.partition("/")
    return PortSpec(container_port=int(port), protocol=protocol or "tcp")


def sandbox_spec(context: Context, container: Container) -> SandboxSpec:
    """Return all that the container asks of networking when it starts.

    Raises NotFoundError or ConflictError where it joins a container that is gone or not running.
    """
    joined = mode(container)
    if joined.startswith("container:"):
        joined = f"container:{_joined_container(context, joined)}"
    host = container.host
    return SandboxSpec(
        container_id=container.id,
        container_name=container.name,
        hostname=hostname(container),
        domainname=container.config.domainname,
        mode=joined,
        endpoints=container.endpoints,
        ports=ports(container) if joined == "networks" else (),
        dns=host.dns,
        dns_search=host.dns_search,
        dns_options=host.dns_options,
        extra_hosts=host.extra_hosts,
        files_dir=context.files_dir(container.id),
    )


def _joined_container(context: Context, network_mode: str) -> str:
    reference = network_mode.partition(":")[2]
    try:
        target = context.store.get(reference)
    except NotFoundError:
        raise NotFoundError(
            f"joining network namespace of container: No such container: {reference}"
        ) from None
    if not target.state.pid:
        raise ConflictError(
            "cannot join network namespace of a non running container: "
            f"{target.name} is {target.state.status}; start it first"
        )
    return target.id
