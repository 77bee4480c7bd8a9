"""From setting values to typed configurations: the engine's and the daemon's own."""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from boxship.api.versions import MAX_API_VERSION, MIN_API_VERSION, ApiVersion, parse_version
from boxship.daemon.options import Values
from boxship.daemon.settings import DEFAULT_SOCKET, DOCKER_SOCKET
from boxship.engine.config import ContainerDefaults, EngineConfig, NetworkConfig, RegistryConfig
from boxship.engine.logs.drivers.table import check_driver
from boxship.errors import InvalidParameterError

LOG_LEVELS: Final = ("trace", "debug", "info", "warn", "error", "fatal", "panic")
LOG_FORMATS: Final = ("text", "json")


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsConfig:
    """Files for TLS on TCP sockets; ``verify`` asks for a client certificate of ``ca``."""

    verify: bool
    ca: str
    certificate: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DaemonConfig:
    """Everything the program is told; ``engine`` is what it passes on."""

    engine: EngineConfig
    hosts: tuple[str, ...]
    group: str
    tls: TlsConfig | None
    allow_insecure_tcp: bool
    pidfile: str
    ready_fd: int
    debug: bool
    log_level: str
    log_format: str
    shutdown_timeout_s: int
    metrics_address: str
    min_api_version: ApiVersion
    experimental: bool


def build_config(values: Values) -> DaemonConfig:
    """Check all values and sort them into configurations.

    Raises InvalidParameterError, with dockerd's words where it has some.
    """
    _check_words(values)
    _check_numbers(values)
    _check_always(values)
    return DaemonConfig(
        engine=_engine_config(values),
        hosts=_hosts(values),
        group=values["group"],
        tls=_tls(values),
        allow_insecure_tcp=values["allow-insecure-tcp"],
        pidfile=values["pidfile"],
        ready_fd=values["ready-fd"],
        debug=values["debug"],
        log_level="debug" if values["debug"] else values["log-level"].lower(),
        log_format=values["log-format"],
        shutdown_timeout_s=values["shutdown-timeout"],
        metrics_address=values["metrics-addr"],
        min_api_version=_min_api_version(values["min-api-version"]),
        experimental=values["experimental"],
    )


def _engine_config(values: Values) -> EngineConfig:
    return EngineConfig(
        data_root=Path(values["data-root"]).resolve(),
        exec_root=Path(values["exec-root"]).absolute(),
        labels=_labels(values["labels"]),
        runtimes=values["runtimes"],
        default_runtime=values["default-runtime"],
        cgroup_driver=_cgroup_driver(values["exec-opts"]),
        storage_driver=_storage_driver(values["storage-driver"]),
        max_layer_size=_positive(values, "max-layer-size"),
        max_layer_entries=_positive(values, "max-layer-entries"),
        registry=_registry_config(values),
        network=_network_config(values),
        containers=_container_defaults(values),
    )


def _registry_config(values: Values) -> RegistryConfig:
    return RegistryConfig(
        mirrors=tuple(_mirror(url) for url in values["registry-mirrors"]),
        mirrors_of={
            host: tuple(_mirror(url, path=True) for url in urls)
            for host, urls in values["registries"].items()
        },
        insecure=values["insecure-registries"],
        max_concurrent_downloads=values["max-concurrent-downloads"],
        max_concurrent_uploads=values["max-concurrent-uploads"],
        max_download_attempts=values["max-download-attempts"],
        whole_indexes=values["pull-whole-indexes"],
        http_proxy=values["http-proxy"],
        https_proxy=values["https-proxy"],
        no_proxy=values["no-proxy"],
    )


def _network_config(values: Values) -> NetworkConfig:
    if values["bridge"] and values["bip"]:
        raise InvalidParameterError(
            "you specified -b & --bip, mutually exclusive options; please specify only one"
        )
    return NetworkConfig(
        bridge_name=values["bridge"],
        bridge_ip=_interface(values["bip"], "bip"),
        fixed_cidr=_cidr(values["fixed-cidr"], "fixed-cidr"),
        default_gateway=_address(values["default-gateway"], "default-gateway"),
        ipv6=values["ipv6"],
        fixed_cidr_v6=_cidr(values["fixed-cidr-v6"], "fixed-cidr-v6"),
        mtu=values["mtu"],
        icc=values["icc"],
        ip_masquerade=values["ip-masq"],
        ip_forward=values["ip-forward"],
        host_ip=_address(values["ip"], "ip"),
        host_gateway_ip=values["host-gateway-ip"],
        default_address_pools=values["default-address-pools"],
        dns=tuple(_address(address, "dns") for address in values["dns"]),
        dns_search=values["dns-search"],
        dns_options=values["dns-opts"],
    )


def _container_defaults(values: Values) -> ContainerDefaults:
    return ContainerDefaults(
        shm_size=values["default-shm-size"],
        ipc_mode=values["default-ipc-mode"],
        cgroupns_mode=values["default-cgroupns-mode"],
        cgroup_parent=values["cgroup-parent"],
        init=values["init"],
        init_path=values["init-path"],
        no_new_privileges=values["no-new-privileges"],
        seccomp_profile="" if values["seccomp-profile"] == "builtin" else values["seccomp-profile"],
        stop_timeout_s=values["default-stop-timeout"],
        ulimits=values["default-ulimits"],
        log_driver=values["log-driver"],
        log_opts=values["log-opts"],
    )


def _check_words(values: Values) -> None:
    check_driver(values["log-driver"] or "local", values["log-opts"])
    choices = {
        "log-level": (LOG_LEVELS, "invalid logging level: {}"),
        "log-format": (LOG_FORMATS, "invalid log format: {}"),
        "default-ipc-mode": (("private", "shareable"), "IPC mode {} is not supported as default"),
        "default-cgroupns-mode": (("", "private", "host"), "default cgroup namespace mode ({})"),
    }
    for name, (words, message) in choices.items():
        if values[name].lower() not in words:
            allowed = ", ".join(word for word in words if word)
            raise InvalidParameterError(f"{message.format(values[name])} (choose from {allowed})")


def _check_numbers(values: Values) -> None:
    minimums = {
        "mtu": (0, "invalid default MTU: {}"),
        "max-concurrent-downloads": (1, "invalid max concurrent downloads: {}"),
        "max-concurrent-uploads": (1, "invalid max concurrent uploads: {}"),
        "max-download-attempts": (1, "invalid max download attempts: {}"),
        "shutdown-timeout": (-1, "invalid shutdown timeout: {}"),
        "default-stop-timeout": (-1, "invalid default stop timeout: {}"),
        "default-shm-size": (1, "invalid default shm size: {}"),
    }
    for name, (minimum, message) in minimums.items():
        if values[name] < minimum:
            raise InvalidParameterError(message.format(values[name]))


def _check_always(values: Values) -> None:
    """Refuse the values of choices that Boxship does not leave open."""
    if not values["live-restore"]:
        raise InvalidParameterError(
            "live-restore cannot be turned off: containers always outlive the daemon; "
            "remove the setting, and stop containers before the daemon if they should end"
        )
    if values["firewall-backend"] != "nftables":
        raise InvalidParameterError(
            f"firewall-backend {values['firewall-backend']!r} is not supported: "
            "Boxship keeps its rules in nftables tables of its own"
        )


def _hosts(values: Values) -> tuple[str, ...]:
    hosts = list(values["hosts"]) or [f"unix://{DEFAULT_SOCKET}"]
    if values["docker-socket"]:
        hosts.append(f"unix://{DOCKER_SOCKET}")
    return tuple(dict.fromkeys(hosts))


def _tls(values: Values) -> TlsConfig | None:
    if not values["tls"] and not values["tlsverify"]:
        return None
    config = TlsConfig(
        verify=values["tlsverify"],
        ca=values["tlscacert"],
        certificate=values["tlscert"],
        key=values["tlskey"],
    )
    wanted = [("tlscert", config.certificate), ("tlskey", config.key)]
    if config.verify:
        wanted.append(("tlscacert", config.ca))
    missing = [f"--{name}" for name, path in wanted if not path]
    if missing:
        raise InvalidParameterError(f"TLS needs {', '.join(missing)}: the path of a PEM file")
    return config


def _labels(labels: Sequence[str]) -> tuple[str, ...]:
    """Check labels; of equal ones the last stays, two values for one key are an error."""
    seen: dict[str, str] = {}
    for label in labels:
        key, separator, value = label.partition("=")
        if not separator or not key:
            raise InvalidParameterError(f"bad attribute format: {label}")
        if seen.setdefault(key, value) != value:
            raise InvalidParameterError(f"conflict labels for {key}={value} and {key}={seen[key]}")
    return tuple(f"{key}={value}" for key, value in seen.items())


def _cgroup_driver(options: Sequence[str]) -> str:
    driver = ""
    for option in options:
        key, separator, value = (part.strip() for part in option.partition("="))
        if not separator or not key or not value:
            raise InvalidParameterError(
                f"invalid exec-opt ({option}): must be formatted 'opt=value'"
            )
        if key.lower() != "native.cgroupdriver":
            raise InvalidParameterError(f"invalid exec-opt ({option}): unknown option: '{key}'")
        if value not in {"cgroupfs", "systemd"}:
            raise InvalidParameterError(
                f"invalid exec-opt ({option}): option 'native.cgroupdriver' is only "
                "'cgroupfs' or 'systemd'"
            )
        driver = value
    return driver


def _storage_driver(name: str) -> str:
    return "overlay" if name in {"overlay2", "overlayfs"} else name


def _positive(values: Values, key: str) -> int:
    number: int = values[key]
    if number <= 0:
        raise InvalidParameterError(f"invalid {key}: {number}: must be greater than 0")
    return number


def _mirror(url: str, *, path: bool = False) -> str:
    """Check a mirror's URL; ``path``: it may have one."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        raise InvalidParameterError(
            f"invalid mirror: {url!r} must be a URL with the scheme http or https"
        )
    if (parts.path.strip("/") and not path) or parts.query or parts.fragment:
        raise InvalidParameterError(
            f"invalid mirror: path, query, or fragment at end of the URI {url!r}"
        )
    if parts.username is not None:
        raise InvalidParameterError(f"invalid mirror: username/password not allowed in URI {url!r}")
    return f"{parts.scheme}://{parts.netloc}/{parts.path.strip('/')}"


def _address(text: str, name: str) -> str:
    try:
        return text and str(ipaddress.ip_address(text))
    except ValueError:
        raise InvalidParameterError(f"{name}: {text} is not an ip address") from None


def _interface(text: str, name: str) -> str:
    try:
        return text and str(ipaddress.ip_interface(text))
    except ValueError:
        raise InvalidParameterError(f"{name}: invalid CIDR address: {text}") from None


def _cidr(text: str, name: str) -> str:
    try:
        return text and str(ipaddress.ip_network(text, strict=False))
    except ValueError:
        raise InvalidParameterError(f"{name}: invalid CIDR address: {text}") from None


def _min_api_version(text: str) -> ApiVersion:
    if not text:
        return MIN_API_VERSION
    version = parse_version(text)
    if version < MIN_API_VERSION:
        raise InvalidParameterError(
            f"min-api-version: minimum supported API version is {MIN_API_VERSION}: {text}"
        )
    if version > MAX_API_VERSION:
        raise InvalidParameterError(
            f"min-api-version: maximum supported API version is {MAX_API_VERSION}: {text}"
        )
    return version
