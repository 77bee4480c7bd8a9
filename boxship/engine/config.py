"""What an engine is told when it is opened: every path and default comes from here."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeConfig:
    """An OCI runtime that containers may name with ``--runtime``."""

    path: str
    args: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressPool:
    """A range from which networks take subnets of ``size`` prefix bits."""

    base: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UlimitDefault:
    """A resource limit given to every container that does not set it."""

    name: str
    soft: int
    hard: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryConfig:
    """How registries are reached."""

    mirrors: tuple[str, ...] = ()
    """Base URLs asked before docker.io itself."""
    mirrors_of: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The same for other registries, by host. A URL's path stands before the repository's name:
    with ``https://m/ghcr`` the image ghcr.io/a/b is m/ghcr/a/b."""
    insecure: tuple[str, ...] = ()
    """Hosts ``name[:port]`` or CIDR ranges that may speak plain HTTP or show unknown certificates.
    Loopback is always among them, as in Docker."""
    max_concurrent_downloads: int = 3
    max_concurrent_uploads: int = 5
    max_download_attempts: int = 5
    whole_indexes: bool = False
    """Pulls that name no platform bring all variants of an index, and what is attested of them."""
    http_proxy: str = ""
    https_proxy: str = ""
    no_proxy: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkConfig:
    """Settings of the default bridge and of networking as a whole."""

    bridge_name: str = ""
    """Link of the default bridge; empty: ``docker0``, or ``boxship0`` where that is taken."""
    bridge_ip: str = ""
    """Address of the default bridge in CIDR form; empty: the first free pool."""
    fixed_cidr: str = ""
    default_gateway: str = ""
    ipv6: bool = False
    fixed_cidr_v6: str = ""
    mtu: int = 1500
    icc: bool = True
    ip_masquerade: bool = True
    ip_forward: bool = True
    host_ip: str = "0.0.0.0"
    """Address that a published port binds when none is given; 0.0.0.0 means IPv4 and IPv6."""
    host_gateway_ip: str = ""
    default_address_pools: tuple[AddressPool, ...] = ()
    firewall_rules: str = ""
    """File with rules, one a line, for the chain ``admin`` of the engine's nftables table."""
    dns: tuple[str, ...] = ()
    dns_search: tuple[str, ...] = ()
    dns_options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerDefaults:
    """Defaults for containers that leave the option out."""

    shm_size: int = 64 * 1024 * 1024
    ipc_mode: str = "private"
    cgroupns_mode: str = ""
    """Empty: private on cgroup v2, host on v1, as in Docker."""
    cgroup_parent: str = ""
    init: bool = False
    init_path: str = "/usr/bin/tini-static"
    no_new_privileges: bool = False
    seccomp_profile: str = ""
    """Path of a profile, ``unconfined``, or empty for the built-in default."""
    stop_timeout_s: int = 10
    ulimits: tuple[UlimitDefault, ...] = ()
    log_driver: str = ""
    """Empty: the log that the supervisor writes, read back directly."""
    log_opts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineConfig:
    """The whole configuration of one engine. Immutable: a reload swaps it for another."""

    data_root: Path = Path("/var/lib/boxship")
    """What must survive a reboot: state, content, snapshots, volumes, logs."""
    exec_root: Path = Path("/run/boxship")
    """What must not: sockets, namespaces, pid files, bundles."""
    name: str = ""
    """Host name that the engine reports; empty: the machine's own."""
    labels: tuple[str, ...] = ()
    runtimes: Mapping[str, RuntimeConfig] = field(default_factory=dict)
    """Runtimes beside the built-in names crun, runc and io.containerd.runc.v2."""
    default_runtime: str = "crun"
    cgroup_driver: str = ""
    """``cgroupfs`` or ``systemd``; empty: systemd where it runs the machine with cgroup v2."""
    storage_driver: str = ""
    """Snapshot driver; empty: chosen by what the file system can."""
    max_layer_size: int = 256 * 1024**3
    """Uncompressed bytes at which a layer that comes in is refused."""
    max_layer_entries: int = 1_000_000
    """Files, links and directories at which a layer that comes in is refused."""
    registry: RegistryConfig = field(default_factory=RegistryConfig)
    network: NetworkConfig = field(default_factory=NetworkConfig)
    containers: ContainerDefaults = field(default_factory=ContainerDefaults)
