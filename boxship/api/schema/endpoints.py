"""Docker's ``EndpointSettings``: a container's place on a network, wanted or in force."""

from msgspec import UNSET, UnsetType, field

from boxship.api.schema.shape import Int64, Shape


class EndpointIpam(Shape):
    """Addresses the user asks for."""

    ipv4_address: str | UnsetType = UNSET
    ipv6_address: str | UnsetType = UNSET
    link_local_ips: list[str] | UnsetType = UNSET


class EndpointSettings(Shape):
    """Wanted (first group) and given (second group) properties of an endpoint."""

    ipam_config: EndpointIpam | None = None
    links: list[str] | None = None
    aliases: list[str] | None = None
    driver_opts: dict[str, str] | None = None
    gw_priority: Int64 | UnsetType = UNSET
    network_id: str = ""
    endpoint_id: str = ""
    gateway: str = ""
    ip_address: str = ""
    mac_address: str = ""
    ip_prefix_len: Int64 = 0
    ipv6_gateway: str = ""
    global_ipv6_address: str = ""
    global_ipv6_prefix_len: Int64 = 0
    dns_names: list[str] | None = None


class NetworkingConfig(Shape):
    """Networks to join at create, by name or id."""

    endpoints_config: dict[str, EndpointSettings] = field(default_factory=dict)
