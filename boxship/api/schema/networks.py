"""The JSON shapes of ``/networks``."""

from msgspec import UNSET, UnsetType, field

from boxship.api.schema.endpoints import EndpointSettings
from boxship.api.schema.shape import Shape


class IpamPool(Shape):
    """One subnet."""

    subnet: str | UnsetType = UNSET
    ip_range: str | UnsetType = UNSET
    gateway: str | UnsetType = UNSET
    auxiliary_addresses: dict[str, str] | UnsetType = field(
        default=UNSET, name="AuxiliaryAddresses"
    )


class Ipam(Shape):
    """Address management of a network."""

    driver: str = "default"
    options: dict[str, str] | None = None
    config: list[IpamPool] | None = None


class ConfigReference(Shape):
    """The network whose configuration is used."""

    network: str = ""


class NetworkCreateBody(Shape):
    """Body of ``POST /networks/create``."""

    name: str = ""
    check_duplicate: bool = False
    driver: str = ""
    scope: str = ""
    enable_ipv4: bool | None = None
    enable_ipv6: bool | None = None
    ipam: Ipam | None = None
    internal: bool = False
    attachable: bool = False
    ingress: bool = False
    config_only: bool = False
    config_from: ConfigReference | None = None
    options: dict[str, str] | None = None
    labels: dict[str, str] | None = None


class NetworkCreated(Shape):
    """Answer to create."""

    id: str
    warning: str = ""


class NetworkContainer(Shape):
    """One container on an inspected network."""

    name: str
    endpoint_id: str
    mac_address: str
    ipv4_address: str
    ipv6_address: str


class Network(Shape, kw_only=True):
    """One network; ``Containers`` is filled by inspect only."""

    name: str
    id: str
    created: str
    scope: str
    driver: str
    enable_ipv4: bool | UnsetType = UNSET
    enable_ipv6: bool
    ipam: Ipam
    internal: bool
    attachable: bool
    ingress: bool
    config_from: ConfigReference
    config_only: bool
    containers: dict[str, NetworkContainer] | UnsetType = UNSET
    options: dict[str, str]
    labels: dict[str, str]


class NetworkWay(Shape, kw_only=True):
    """One way to a container's port."""

    source: str = field(name="From")
    to: str
    open: bool
    reason: str
    rule: str


class NetworkExplanation(Shape, kw_only=True):
    """Answer to ``GET /boxship/networks/explain``."""

    container: str
    port: int
    protocol: str
    ways: list[NetworkWay]
    notes: list[str]


class ConnectBody(Shape):
    """Body of ``POST /networks/{id}/connect``."""

    container: str = ""
    endpoint_config: EndpointSettings | None = None


class DisconnectBody(Shape):
    """Body of ``POST /networks/{id}/disconnect``."""

    container: str = ""
    force: bool = False


class NetworksPruned(Shape):
    """Answer to prune."""

    networks_deleted: list[str] | None
