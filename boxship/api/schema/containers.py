"""The JSON shapes of ``/containers``: bodies of requests and answers."""

from msgspec import UNSET, UnsetType, field

from boxship.api.schema.container_config import Config
from boxship.api.schema.endpoints import EndpointSettings, NetworkingConfig
from boxship.api.schema.host_config import HostConfig, PortBinding
from boxship.api.schema.shape import Shape


class CreateBody(Config):
    """Body of ``POST /containers/create``."""

    host_config: HostConfig = field(default_factory=HostConfig)
    networking_config: NetworkingConfig = field(default_factory=NetworkingConfig)


class Created(Shape):
    """Answer to create."""

    id: str
    warnings: list[str]


class HealthResult(Shape):
    """One run of the probe."""

    start: str
    end: str
    exit_code: int
    output: str


class Health(Shape):
    """State.Health."""

    status: str
    failing_streak: int
    log: list[HealthResult]


class State(Shape, kw_only=True):
    """State of an inspected container."""

    status: str
    running: bool
    paused: bool
    restarting: bool
    oom_killed: bool = field(name="OOMKilled")
    dead: bool
    pid: int
    exit_code: int
    error: str
    started_at: str
    finished_at: str
    health: Health | UnsetType = UNSET


class MountPoint(Shape, kw_only=True):
    """A mount in force."""

    type: str
    name: str | UnsetType = UNSET
    source: str
    destination: str
    driver: str | UnsetType = UNSET
    mode: str
    rw: bool = field(name="RW")
    propagation: str


class LegacyAddress(Shape):
    """The default bridge's addresses, repeated beside Networks before API 1.52."""

    bridge: str = ""
    hairpin_mode: bool = False
    link_local_ipv6_address: str = ""
    link_local_ipv6_prefix_len: int = 0
    secondary_ip_addresses: None = None
    secondary_ipv6_addresses: None = None
    endpoint_id: str = ""
    gateway: str = ""
    global_ipv6_address: str = ""
    global_ipv6_prefix_len: int = 0
    ip_address: str = ""
    ip_prefix_len: int = 0
    ipv6_gateway: str = ""
    mac_address: str = ""


class NetworkSettings(Shape):
    """Networking of an inspected container (API 1.52 and newer)."""

    sandbox_id: str
    sandbox_key: str
    ports: dict[str, list[PortBinding] | None]
    networks: dict[str, EndpointSettings]


class LegacyNetworkSettings(LegacyAddress, kw_only=True):
    """The same for older clients."""

    sandbox_id: str
    sandbox_key: str
    ports: dict[str, list[PortBinding] | None]
    networks: dict[str, EndpointSettings]


class GraphDriver(Shape):
    """The snapshot driver's view of a root file system."""

    data: dict[str, str] | None
    name: str


class Inspected(Shape, kw_only=True):
    """Answer to ``GET /containers/{id}/json``."""

    id: str
    created: str
    path: str
    args: list[str]
    state: State
    image: str
    resolv_conf_path: str
    hostname_path: str
    hosts_path: str
    log_path: str
    name: str
    restart_count: int
    driver: str
    platform: str
    image_manifest_descriptor: dict[str, object] | UnsetType = UNSET
    mount_label: str = ""
    process_label: str = ""
    app_armor_profile: str = ""
    exec_ids: list[str] | None
    host_config: HostConfig
    graph_driver: GraphDriver
    size_rw: int | UnsetType = UNSET
    size_root_fs: int | UnsetType = UNSET
    mounts: list[MountPoint]
    config: Config
    network_settings: NetworkSettings | LegacyNetworkSettings


class Port(Shape, kw_only=True):
    """One port of a listed container."""

    ip: str | UnsetType = field(default=UNSET, name="IP")
    private_port: int
    public_port: int | UnsetType = UNSET
    type: str


class SummaryHostConfig(Shape, kw_only=True):
    """HostConfig of a listed container."""

    network_mode: str
    annotations: dict[str, str] | UnsetType = UNSET


class SummaryNetworkSettings(Shape):
    """NetworkSettings of a listed container."""

    networks: dict[str, EndpointSettings]


class SummaryHealth(Shape):
    """Health of a listed container (API 1.52 and newer)."""

    status: str
    failing_streak: int


class Summary(Shape, kw_only=True):
    """One container in the answer to ``GET /containers/json``."""

    id: str
    names: list[str]
    image: str
    image_id: str
    image_manifest_descriptor: dict[str, object] | UnsetType = UNSET
    command: str
    created: int
    ports: list[Port]
    size_rw: int | UnsetType = UNSET
    size_root_fs: int | UnsetType = UNSET
    labels: dict[str, str]
    state: str
    status: str
    host_config: SummaryHostConfig
    health: SummaryHealth | UnsetType = UNSET
    network_settings: SummaryNetworkSettings
    mounts: list[MountPoint]


class Processes(Shape):
    """Answer to ``GET /containers/{id}/top``."""

    titles: list[str]
    processes: list[list[str]]


class Change(Shape):
    """One changed path: kind 0 modified, 1 added, 2 deleted."""

    path: str
    kind: int


class WaitError(Shape):
    """Why waiting failed."""

    message: str


class WaitResult(Shape):
    """Answer to wait."""

    status_code: int
    error: WaitError | UnsetType = UNSET


class Updated(Shape):
    """Answer to update."""

    warnings: list[str] | None


class ContainersPruned(Shape):
    """Answer to prune."""

    containers_deleted: list[str] | None
    space_reclaimed: int


class PathStat(Shape, rename=None):
    """The X-Docker-Container-Path-Stat header; ``mode`` has the bits of Go's os.FileMode."""

    name: str
    size: int
    mode: int
    mtime: str
    link_target: str = field(name="linkTarget")
