"""The body of ``POST /containers/create`` as the engine's ContainerRequest.

A client that speaks an older version means the older behaviour: what its version did not have is
dropped here (moby, ``daemon/server/router/container``: postContainersCreate).
"""

from dataclasses import replace

from msgspec import UNSET

from boxship.api.convert.container_config import container_config
from boxship.api.convert.endpoints import endpoint_specs
from boxship.api.convert.host_config import host_config
from boxship.api.schema.containers import CreateBody
from boxship.api.schema.host_config import HostConfig, Mount
from boxship.api.versions import ApiVersion
from boxship.engine.containers.container import ContainerRequest
from boxship.engine.networks.sandbox import EndpointSpec
from boxship.errors import InvalidParameterError

_PREDEFINED = ("bridge", "host", "none")


def container_request(
    body: CreateBody, name: str, platform: str, version: ApiVersion
) -> ContainerRequest:
    """Read a create request. Raises InvalidParameterError in Docker's words."""
    apply_version(body, version)
    config = container_config(body)
    host = host_config(body.host_config)
    endpoints = endpoint_specs(body.networking_config.endpoints_config)
    if config.mac_address:
        endpoints = _place_mac_address(host.network_mode, endpoints, config.mac_address)
    return ContainerRequest(
        config=config,
        host=host,
        endpoints=endpoints,
        name=name.removeprefix("/"),
        platform=platform,
    )


def apply_version(body: CreateBody, version: ApiVersion) -> None:
    """Drop what a client of ``version`` cannot have meant, and give its old defaults."""
    host = body.host_config
    if version < (1, 44) and body.healthcheck is not UNSET:
        body.healthcheck.start_interval = UNSET
    if version < (1, 43):
        host.annotations = UNSET
    if version < (1, 42):
        host.console_size = [0, 0] if version < (1, 25) else host.console_size
    if version < (1, 41):
        host.cgroupns_mode = host.cgroupns_mode or "host"
    if version < (1, 40):
        host.ipc_mode = host.ipc_mode or "shareable"
        if host.pids_limit is not None and host.pids_limit <= 0:
            host.pids_limit = None
    for mount in host.mounts or ():
        _apply_version_to_mount(mount, version)
    _apply_version_to_endpoints(body, host, version)


def _apply_version_to_mount(mount: Mount, version: ApiVersion) -> None:
    bind, volume = mount.bind_options, mount.volume_options
    if bind is not UNSET:
        if version < (1, 40):
            bind.non_recursive = UNSET
        if version < (1, 42):
            bind.create_mountpoint = UNSET
        if version < (1, 44):
            bind.read_only_non_recursive = bind.read_only_force_recursive = UNSET
            if mount.read_only is True and version < (1, 43):
                bind.read_only_non_recursive = True
    if volume is not UNSET and version < (1, 45):
        volume.subpath = UNSET


def _apply_version_to_endpoints(body: CreateBody, host: HostConfig, version: ApiVersion) -> None:
    """Before 1.44 only one network could be joined at create, and a MAC address was the body's."""
    endpoints = body.networking_config.endpoints_config
    if version >= (1, 44):
        return
    if len(endpoints) > 1:
        names = ", ".join(sorted(endpoints))
        raise InvalidParameterError(
            "Container cannot be created with multiple network endpoints, "
            f"use API 1.44 or newer: [{names}]"
        )
    for settings in endpoints.values():
        settings.mac_address = ""
    if host.network_mode.startswith("container:") and body.mac_address:
        raise InvalidParameterError("conflicting options: mac-address and the network mode")


def _place_mac_address(
    mode: str, endpoints: tuple[EndpointSpec, ...], mac_address: str
) -> tuple[EndpointSpec, ...]:
    """Give the container-wide MAC address of older clients to the main network's endpoint."""
    if mode in ("host", "none") or mode.startswith("container:"):
        return endpoints
    main = next((spec for spec in endpoints if spec.network == mode), None)
    if main is None:
        if endpoints and mode not in _PREDEFINED:
            main = endpoints[0]
        else:
            return (EndpointSpec(network=mode, mac_address=mac_address), *endpoints)
    if main.mac_address not in ("", mac_address):
        raise InvalidParameterError(
            "the container-wide MAC address must match the endpoint-specific MAC address "
            "for the main network, or be left empty"
        )
    placed = replace(main, mac_address=mac_address)
    return tuple(placed if spec is main else spec for spec in endpoints)
