"""EndpointSettings against the domain's EndpointSpec (wanted) and Endpoint (in force)."""

from collections.abc import Mapping

from msgspec import UNSET

from boxship.api.convert.host_config import network_mode
from boxship.api.schema.endpoints import EndpointIpam, EndpointSettings
from boxship.api.versions import ApiVersion
from boxship.engine.networks.sandbox import Endpoint, EndpointSpec


def endpoint_specs(config: Mapping[str, EndpointSettings]) -> tuple[EndpointSpec, ...]:
    """Read EndpointsConfig."""
    return tuple(endpoint_spec(network_mode(name), body) for name, body in config.items())


def endpoint_spec(network: str, body: EndpointSettings | None) -> EndpointSpec:
    """Read how a container wants to be on ``network``."""
    if body is None:
        return EndpointSpec(network=network)
    ipam = body.ipam_config or EndpointIpam()
    return EndpointSpec(
        network=network,
        ipv4=ipam.ipv4_address or "",
        ipv6=ipam.ipv6_address or "",
        link_local_ips=tuple(ipam.link_local_ips or ()),
        mac_address=body.mac_address,
        aliases=tuple(body.aliases or ()),
        links=tuple(body.links or ()),
        driver_opts=body.driver_opts or {},
        gateway_priority=body.gw_priority or 0,
    )


def endpoint_json(
    spec: EndpointSpec | None, endpoint: Endpoint | None, version: ApiVersion
) -> EndpointSettings:
    """Write an endpoint: what was asked for, and, while the container runs, what it has."""
    out = EndpointSettings()
    if spec is not None:
        out.ipam_config = _ipam_json(spec)
        out.mac_address = spec.mac_address
        out.links = list(spec.links) or None
        out.aliases = list(spec.aliases) or None
        out.driver_opts = dict(spec.driver_opts) or None
    if version >= (1, 48):
        out.gw_priority = spec.gateway_priority if spec else 0
    if endpoint is not None:
        _fill_in_force(out, endpoint)
    if version < (1, 44):
        out.dns_names = None
    return out


def _fill_in_force(out: EndpointSettings, endpoint: Endpoint) -> None:
    out.network_id = endpoint.network_id
    out.endpoint_id = endpoint.endpoint_id
    out.gateway = endpoint.gateway
    out.ip_address = endpoint.ipv4
    out.ip_prefix_len = endpoint.ipv4_prefix
    out.mac_address = endpoint.mac_address
    out.ipv6_gateway = endpoint.gateway_v6
    out.global_ipv6_address = endpoint.ipv6
    out.global_ipv6_prefix_len = endpoint.ipv6_prefix
    out.dns_names = list(endpoint.dns_names) or None
    if out.aliases is None:
        out.aliases = list(endpoint.aliases) or None


def _ipam_json(spec: EndpointSpec) -> EndpointIpam | None:
    if not (spec.ipv4 or spec.ipv6 or spec.link_local_ips):
        return None
    return EndpointIpam(
        ipv4_address=spec.ipv4 or UNSET,
        ipv6_address=spec.ipv6 or UNSET,
        link_local_ips=list(spec.link_local_ips) or UNSET,
    )
