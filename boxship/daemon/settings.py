"""The settings of the daemon: one row each.

From this table derive the command line, the keys of daemon.json, the reference in the docs, and
what SIGHUP reloads. A row's ``name`` is Docker's key in daemon.json (where there is one) and names
the value everywhere else.
"""

from typing import Any, Final, NamedTuple

from boxship.daemon.kinds import (
    BOOL,
    BYTES,
    FEATURES,
    INT,
    LIST,
    MAP,
    POOLS,
    REGISTRIES,
    RUNTIMES,
    TEXT,
    ULIMITS,
    Kind,
)
from boxship.engine.config import ContainerDefaults, EngineConfig, NetworkConfig, RegistryConfig

DEFAULT_CONFIG_FILE: Final = "/etc/boxship/daemon.json"
DEFAULT_SOCKET: Final = "/run/boxship/boxship.sock"
DOCKER_SOCKET: Final = "/var/run/docker.sock"

_ENGINE: Final = EngineConfig()
_NETWORK: Final = NetworkConfig()
_REGISTRY: Final = RegistryConfig()
_CONTAINERS: Final = ContainerDefaults()


class Setting(NamedTuple):
    """One setting.

    ``flag`` is empty for settings of the file only, ``in_file`` false for those of the command line
    only. ``reload``: SIGHUP applies a changed value without a restart.
    """

    name: str
    flag: str
    kind: Kind
    default: Any
    doc: str
    reload: bool = False
    in_file: bool = True
    short: str = ""


SETTINGS: Final[tuple[Setting, ...]] = (
    # the program itself
    Setting(
        "config-file",
        "config-file",
        TEXT,
        DEFAULT_CONFIG_FILE,
        "Daemon configuration file",
        in_file=False,
    ),
    Setting(
        "validate", "validate", BOOL, False, "Validate the configuration and exit", in_file=False
    ),
    Setting(
        "ready-fd",
        "ready-fd",
        INT,
        -1,
        "Write a line to this descriptor once all sockets listen",
        in_file=False,
    ),
    Setting(
        "data-root", "data-root", TEXT, str(_ENGINE.data_root), "Root directory of persistent state"
    ),
    Setting(
        "exec-root",
        "exec-root",
        TEXT,
        str(_ENGINE.exec_root),
        "Root directory of execution state files",
    ),
    Setting("pidfile", "pidfile", TEXT, "", "Path of a file that gets the daemon's PID", short="p"),
    Setting("debug", "debug", BOOL, False, "Enable debug mode", reload=True, short="D"),
    Setting(
        "log-level",
        "log-level",
        TEXT,
        "info",
        "Set the logging level (debug, info, warn, error, fatal)",
        reload=True,
        short="l",
    ),
    Setting("log-format", "log-format", TEXT, "text", "Set the logging format (text, json)"),
    Setting("raw-logs", "raw-logs", BOOL, False, "Log without colours (Boxship never colours)"),
    Setting(
        "shutdown-timeout",
        "shutdown-timeout",
        INT,
        15,
        "Seconds that running requests have to end at shutdown",
        reload=True,
    ),
    Setting(
        "metrics-addr", "metrics-addr", TEXT, "", "Address and port that serve Prometheus metrics"
    ),
    Setting("labels", "label", LIST, (), "Set key=value labels of the daemon", reload=True),
    Setting(
        "features",
        "feature",
        FEATURES,
        {},
        "Enable or disable features (name=true|false)",
        reload=True,
    ),
    Setting(
        "experimental",
        "experimental",
        BOOL,
        False,
        "Tell clients that experimental features are on",
    ),
    Setting("min-api-version", "", TEXT, "", "Refuse clients with an older API version"),
    Setting(
        "live-restore",
        "live-restore",
        BOOL,
        True,
        "Keep containers alive while the daemon is away (always on)",
        reload=True,
    ),
    # sockets
    Setting(
        "hosts",
        "host",
        LIST,
        (),
        f"Sockets to listen on (default unix://{DEFAULT_SOCKET})",
        short="H",
    ),
    Setting(
        "docker-socket",
        "docker-socket",
        BOOL,
        False,
        f"Also serve Docker's own socket, {DOCKER_SOCKET}",
    ),
    Setting("group", "group", TEXT, "boxship", "Group of the unix socket", short="G"),
    Setting(
        "allow-insecure-tcp",
        "allow-insecure-tcp",
        BOOL,
        False,
        "Allow unencrypted TCP on other addresses than loopback",
    ),
    Setting("tls", "tls", BOOL, False, "Use TLS; implied by --tlsverify"),
    Setting("tlsverify", "tlsverify", BOOL, False, "Use TLS and verify the remote"),
    Setting("tlscacert", "tlscacert", TEXT, "", "Trust client certificates signed only by this CA"),
    Setting("tlscert", "tlscert", TEXT, "", "Path of the TLS certificate file"),
    Setting("tlskey", "tlskey", TEXT, "", "Path of the TLS key file"),
    # registries
    Setting(
        "registry-mirrors",
        "registry-mirror",
        LIST,
        (),
        "Preferred registry mirrors of docker.io",
        reload=True,
    ),
    Setting(
        "registries",
        "registry-mirror-of",
        REGISTRIES,
        {},
        "Preferred mirrors of another registry (host=URL; a path goes before the image's name)",
        reload=True,
    ),
    Setting(
        "insecure-registries",
        "insecure-registry",
        LIST,
        (),
        "Registries that may lack (valid) TLS",
        reload=True,
    ),
    Setting(
        "max-concurrent-downloads",
        "max-concurrent-downloads",
        INT,
        _REGISTRY.max_concurrent_downloads,
        "Set the max concurrent downloads",
        reload=True,
    ),
    Setting(
        "max-concurrent-uploads",
        "max-concurrent-uploads",
        INT,
        _REGISTRY.max_concurrent_uploads,
        "Set the max concurrent uploads",
        reload=True,
    ),
    Setting(
        "max-download-attempts",
        "max-download-attempts",
        INT,
        _REGISTRY.max_download_attempts,
        "Set the max download attempts for each pull",
        reload=True,
    ),
    Setting(
        "pull-whole-indexes",
        "pull-whole-indexes",
        BOOL,
        _REGISTRY.whole_indexes,
        "Let pulls without a platform keep indexes whole: all variants and attestations",
        reload=True,
    ),
    Setting("http-proxy", "http-proxy", TEXT, "", "HTTP proxy URL for outgoing traffic"),
    Setting("https-proxy", "https-proxy", TEXT, "", "HTTPS proxy URL for outgoing traffic"),
    Setting("no-proxy", "no-proxy", TEXT, "", "Hosts or addresses to reach without the proxy"),
    # runtimes and storage
    Setting(
        "runtimes",
        "add-runtime",
        RUNTIMES,
        {},
        "Register an OCI compatible runtime (name=path)",
        reload=True,
    ),
    Setting(
        "default-runtime",
        "default-runtime",
        TEXT,
        _ENGINE.default_runtime,
        "Default OCI runtime for containers",
        reload=True,
    ),
    Setting(
        "exec-opts",
        "exec-opt",
        LIST,
        (),
        "Runtime execution options (native.cgroupdriver=systemd|cgroupfs)",
    ),
    Setting(
        "storage-driver",
        "storage-driver",
        TEXT,
        _ENGINE.storage_driver,
        "Storage driver to use",
        short="s",
    ),
    Setting(
        "max-layer-size",
        "max-layer-size",
        BYTES,
        _ENGINE.max_layer_size,
        "Refuse image layers that unpack to more bytes",
        reload=True,
    ),
    Setting(
        "max-layer-entries",
        "max-layer-entries",
        INT,
        _ENGINE.max_layer_entries,
        "Refuse image layers with more files and directories",
        reload=True,
    ),
    # networks
    Setting(
        "bridge",
        "bridge",
        TEXT,
        _NETWORK.bridge_name,
        "Name of the default bridge's link",
        short="b",
    ),
    Setting("bip", "bip", TEXT, _NETWORK.bridge_ip, "IPv4 address for the default bridge (CIDR)"),
    Setting(
        "fixed-cidr",
        "fixed-cidr",
        TEXT,
        _NETWORK.fixed_cidr,
        "IPv4 subnet for the default bridge's containers",
    ),
    Setting(
        "default-gateway",
        "default-gateway",
        TEXT,
        _NETWORK.default_gateway,
        "Default gateway IPv4 address for the default bridge",
    ),
    Setting("ipv6", "ipv6", BOOL, _NETWORK.ipv6, "Enable IPv6 networking for the default bridge"),
    Setting(
        "fixed-cidr-v6",
        "fixed-cidr-v6",
        TEXT,
        _NETWORK.fixed_cidr_v6,
        "IPv6 subnet for the default bridge's containers",
    ),
    Setting("mtu", "mtu", INT, _NETWORK.mtu, "Set the MTU of the default bridge"),
    Setting(
        "icc", "icc", BOOL, _NETWORK.icc, "Let containers of the default bridge reach each other"
    ),
    Setting(
        "ip-masq",
        "ip-masq",
        BOOL,
        _NETWORK.ip_masquerade,
        "Masquerade the default bridge's outgoing traffic",
    ),
    Setting(
        "ip-forward", "ip-forward", BOOL, _NETWORK.ip_forward, "Enable IP forwarding in the system"
    ),
    Setting("ip", "ip", TEXT, _NETWORK.host_ip, "Host IP for published ports"),
    Setting(
        "host-gateway-ip",
        "host-gateway-ip",
        TEXT,
        _NETWORK.host_gateway_ip,
        "IP address that host-gateway in --add-host means",
    ),
    Setting(
        "default-address-pools",
        "default-address-pool",
        POOLS,
        _NETWORK.default_address_pools,
        "Address pools of networks (base=CIDR,size=BITS)",
    ),
    Setting("dns", "dns", LIST, _NETWORK.dns, "DNS servers for containers"),
    Setting(
        "dns-search", "dns-search", LIST, _NETWORK.dns_search, "DNS search domains for containers"
    ),
    Setting("dns-opts", "dns-opt", LIST, _NETWORK.dns_options, "DNS options for containers"),
    Setting(
        "firewall-backend", "firewall-backend", TEXT, "nftables", "Firewall backend (nftables only)"
    ),
    Setting(
        "firewall-rules",
        "firewall-rules",
        TEXT,
        _NETWORK.firewall_rules,
        "File with rules for the chain admin of the engine's nftables table",
    ),
    Setting(
        "userland-proxy",
        "userland-proxy",
        BOOL,
        True,
        "Accepted for Docker's sake: the kernel forwards published ports",
    ),
    # containers
    Setting(
        "default-shm-size",
        "default-shm-size",
        BYTES,
        _CONTAINERS.shm_size,
        "Default size of /dev/shm",
    ),
    Setting(
        "default-ipc-mode",
        "default-ipc-mode",
        TEXT,
        _CONTAINERS.ipc_mode,
        "Default IPC mode (shareable, private)",
    ),
    Setting(
        "default-cgroupns-mode",
        "default-cgroupns-mode",
        TEXT,
        _CONTAINERS.cgroupns_mode,
        "Default cgroup namespace mode (host, private)",
    ),
    Setting(
        "cgroup-parent",
        "cgroup-parent",
        TEXT,
        _CONTAINERS.cgroup_parent,
        "Parent cgroup of all containers",
    ),
    Setting(
        "init",
        "init",
        BOOL,
        _CONTAINERS.init,
        "Run an init in containers that forwards signals and reaps processes",
    ),
    Setting("init-path", "init-path", TEXT, _CONTAINERS.init_path, "Path of that init"),
    Setting(
        "no-new-privileges",
        "no-new-privileges",
        BOOL,
        _CONTAINERS.no_new_privileges,
        "Set no-new-privileges for new containers",
    ),
    Setting(
        "seccomp-profile",
        "seccomp-profile",
        TEXT,
        _CONTAINERS.seccomp_profile,
        "Path of a seccomp profile, or unconfined",
    ),
    Setting(
        "default-stop-timeout",
        "default-stop-timeout",
        INT,
        _CONTAINERS.stop_timeout_s,
        "Seconds that a container has to stop before it is killed",
        reload=True,
    ),
    Setting(
        "default-ulimits",
        "default-ulimit",
        ULIMITS,
        _CONTAINERS.ulimits,
        "Default ulimits for containers (name=soft[:hard])",
    ),
    Setting(
        "log-driver",
        "log-driver",
        TEXT,
        _CONTAINERS.log_driver,
        "Default driver for container logs",
    ),
    Setting(
        "log-opts",
        "log-opt",
        MAP,
        dict(_CONTAINERS.log_opts),
        "Default log driver options (name=value)",
    ),
)

NO_CONTAINERD: Final = "Boxship runs containers without containerd"

# Docker's settings that cannot be honoured, by key in daemon.json (flags: the key without a plural
# s), each with its reason. Using one is an error, so that nobody relies on what is not there.
UNSUPPORTED: Final[dict[str, str]] = {
    "allow-direct-routing": "direct routing to unpublished ports is always closed",
    "authorization-plugins": "authorization plugins are not available; guard the socket",
    "bip6": "use fixed-cidr-v6",
    "bridge-accept-fwmark": "packets are accepted by interface, not by mark",
    "builder": "the builder has no garbage collection settings yet",
    "cdi-spec-dirs": "CDI devices are not available yet",
    "containerd": NO_CONTAINERD,
    "containerd-namespace": NO_CONTAINERD,
    "containerd-plugins-namespace": NO_CONTAINERD,
    "cpu-rt-period": "realtime scheduling of cgroups is not available",
    "cpu-rt-runtime": "realtime scheduling of cgroups is not available",
    "cri-containerd": NO_CONTAINERD,
    "default-gateway-v6": "the default bridge's own address is the IPv6 gateway",
    "default-network-opts": "pass options when a network is created",
    "ip-forward-no-drop": "the host's FORWARD policy is never changed",
    "ip6tables": "IPv6 rules always belong to published ports; publish to an IPv4 address instead",
    "iptables": "published ports need firewall rules; use the host or none network without them",
    "network-control-plane-mtu": "there is no cluster network yet",
    "network-diagnostic-port": "there is no network diagnostic server",
    "node-generic-resources": "there is no cluster yet",
    "nri-opts": "NRI plugins are not available",
    "rootless": "rootless mode is not available yet; run the daemon as root",
    "selinux-enabled": "SELinux labels are not available yet",
    "storage-opts": "the storage drivers have no options",
    "swarm-default-advertise-addr": "there is no cluster yet",
    "userland-proxy-path": "there is no proxy process per port",
    "userns-remap": "user namespace remapping is not available yet",
}

IGNORED: Final = frozenset({"allow-nondistributable-artifacts", "deprecated-key-path"})
"""Docker's retired keys, which it accepts without effect."""

BY_NAME: Final[dict[str, Setting]] = {setting.name: setting for setting in SETTINGS}


def unsupported_flags() -> dict[str, str]:
    """Return flag -> reason of Docker's flags that cannot be honoured."""
    plurals = ("plugins", "dirs", "opts", "resources")
    return {
        key.removesuffix("s") if key.endswith(plurals) and key != "nri-opts" else key: reason
        for key, reason in UNSUPPORTED.items()
    }
