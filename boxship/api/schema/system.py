"""The JSON shapes of ``/version``, ``/info``, ``/events``, ``/system/df`` and ``/auth``."""

from typing import Any

from msgspec import UNSET, Struct, UnsetType, field

from boxship.api.schema.containers import Summary
from boxship.api.schema.images import ImageSummary
from boxship.api.schema.shape import Shape
from boxship.api.schema.volumes import Volume


class PlatformName(Shape, kw_only=True):
    """Name of the product."""

    name: str


class Component(Shape, kw_only=True):
    """One program that the engine is made of."""

    name: str
    version: str
    details: dict[str, str]


class SystemVersion(Shape, kw_only=True):
    """Answer to ``GET /version``."""

    platform: PlatformName
    components: list[Component]
    version: str
    api_version: str
    min_api_version: str = field(name="MinAPIVersion")
    git_commit: str
    go_version: str
    os: str = field(name="Os")
    arch: str
    kernel_version: str
    experimental: bool | UnsetType = UNSET
    build_time: str | UnsetType = UNSET


class Plugins(Shape, kw_only=True):
    """Names of drivers by kind."""

    volume: list[str]
    network: list[str]
    authorization: list[str] | None
    log: list[str]


class Commit(Shape, kw_only=True):
    """A program's version; ``expected`` is for old clients, which compare the two."""

    id: str = field(name="ID")
    expected: str | UnsetType = UNSET


class RuntimeInfo(Struct):
    """A runtime and, since 1.44, what it says of itself."""

    path: str
    args: list[str] | UnsetType = field(default=UNSET, name="runtimeArgs")
    status: dict[str, str] | UnsetType = UNSET


class SwarmInfo(Shape, kw_only=True):
    """The node's place in a cluster."""

    node_id: str = field(name="NodeID")
    node_addr: str
    local_node_state: str
    control_available: bool
    error: str
    remote_managers: list[str] | None


class IndexInfo(Shape, kw_only=True):
    """How one registry is reached."""

    name: str
    mirrors: list[str]
    secure: bool
    official: bool


class RegistryInfo(Shape, kw_only=True):
    """How registries are reached."""

    insecure_registry_cidrs: list[str] = field(name="InsecureRegistryCIDRs")
    index_configs: dict[str, IndexInfo]
    mirrors: list[str] | None
    allow_nondistributable_artifacts_cidrs: list[str] | UnsetType = field(
        default=UNSET, name="AllowNondistributableArtifactsCIDRs"
    )
    allow_nondistributable_artifacts_hostnames: list[str] | UnsetType = UNSET


class Pool(Shape, kw_only=True):
    """A range that networks take subnets from."""

    base: str
    size: int


class Firewall(Shape, kw_only=True):
    """What makes the rules of published ports."""

    driver: str


class SystemInfo(Shape, kw_only=True):
    """Answer to ``GET /info``."""

    id: str = field(name="ID")
    containers: int
    containers_running: int
    containers_paused: int
    containers_stopped: int
    images: int
    driver: str
    driver_status: list[tuple[str, str]]
    plugins: Plugins
    memory_limit: bool
    swap_limit: bool
    cpu_cfs_period: bool
    cpu_cfs_quota: bool
    cpu_shares: bool = field(name="CPUShares")
    cpu_set: bool = field(name="CPUSet")
    pids_limit: bool
    oom_kill_disable: bool
    ipv4_forwarding: bool
    bridge_nf_iptables: bool | UnsetType = UNSET
    bridge_nf_ip6tables: bool | UnsetType = field(default=UNSET, name="BridgeNfIp6tables")
    debug: bool
    n_fd: int
    n_goroutines: int
    system_time: str
    logging_driver: str
    cgroup_driver: str
    cgroup_version: str
    n_events_listener: int
    kernel_version: str
    operating_system: str
    os_version: str
    os_type: str
    architecture: str
    index_server_address: str
    registry_config: RegistryInfo
    ncpu: int = field(name="NCPU")
    mem_total: int
    generic_resources: None = None
    docker_root_dir: str
    http_proxy: str
    https_proxy: str
    no_proxy: str
    name: str
    labels: list[str]
    experimental_build: bool
    server_version: str
    runtimes: dict[str, RuntimeInfo]
    default_runtime: str
    swarm: SwarmInfo
    live_restore_enabled: bool
    isolation: str
    init_binary: str
    containerd_commit: Commit
    runc_commit: Commit
    init_commit: Commit
    security_options: list[str]
    default_address_pools: list[Pool] | UnsetType = UNSET
    firewall_backend: Firewall | UnsetType = UNSET
    cdi_spec_dirs: list[str] = field(name="CDISpecDirs")
    warnings: list[str]


class Actor(Shape, kw_only=True):
    """Whom an event is about."""

    id: str = field(name="ID")
    attributes: dict[str, str]


class EventMessage(Struct):
    """One event; ``status``, ``id`` and ``from`` are for clients before 1.52."""

    status: str | UnsetType = UNSET
    id: str | UnsetType = UNSET
    source: str | UnsetType = field(default=UNSET, name="from")
    type: str = field(name="Type", default="")
    action: str = field(name="Action", default="")
    actor: Actor | UnsetType = field(default=UNSET, name="Actor")
    scope: str = ""
    time: int = 0
    time_nano: int = field(default=0, name="timeNano")


class Usage(Shape, kw_only=True):
    """Bytes that objects of one kind take, and how many are in use (since 1.52)."""

    active_count: int
    total_count: int
    reclaimable: int
    total_size: int
    items: list[Any] | UnsetType = UNSET


class DiskUsage(Shape, kw_only=True):
    """Answer to ``GET /system/df``: lists for clients before 1.52, totals for those after."""

    layers_size: int | UnsetType = UNSET
    images: list[ImageSummary] | UnsetType = UNSET
    containers: list[Summary] | UnsetType = UNSET
    volumes: list[Volume] | UnsetType = UNSET
    build_cache: list[None] | UnsetType = UNSET
    image_usage: Usage | UnsetType = UNSET
    container_usage: Usage | UnsetType = UNSET
    volume_usage: Usage | UnsetType = UNSET
    build_cache_usage: Usage | UnsetType = UNSET


class AuthBody(Struct):
    """Body of ``POST /auth``."""

    username: str = ""
    password: str = ""
    email: str = ""
    serveraddress: str = ""
    auth: str = ""
    identitytoken: str = ""
    registrytoken: str = ""


class AuthAnswer(Shape, kw_only=True):
    """Answer to ``POST /auth``."""

    status: str
    identity_token: str
