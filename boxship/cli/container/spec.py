"""From the flags of ``run`` and ``create`` to the API's body: Config, HostConfig, networks.

Settings that nobody gave are left out; the engine has the defaults.
"""

from boxship.cli.container import spec_devices, spec_files, spec_mounts, spec_network
from boxship.cli.container.spec_files import usage_error
from boxship.cli.container.spec_host import extra_hosts, ip_addresses, links, modes, sysctls
from boxship.cli.container.spec_ports import PortSpec
from boxship.cli.container.spec_security import capabilities, security_options
from boxship.cli.errors import CliError
from boxship.cli.flags import Flags

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    Json = dict[str, Any]

_STREAMS = ("stdin", "stdout", "stderr")
_RATES = (
    ("BlkioDeviceReadBps", "device-read-bps", True),
    ("BlkioDeviceWriteBps", "device-write-bps", True),
    ("BlkioDeviceReadIOps", "device-read-iops", False),
    ("BlkioDeviceWriteIOps", "device-write-iops", False),
)


def create_body(
    flags: Flags, image: str, command: list[str], proxies: "Mapping[str, str] | None" = None
) -> "Json":
    """The body of ContainerCreate. proxies: environment to add unless given. Raises CliError."""
    _check_conflicts(flags)
    ports = PortSpec()
    for text in flags.items("publish"):
        ports.publish(text)
    for text in flags.items("expose"):
        ports.expose(text)
    volumes = spec_mounts.VolumeSpec(flags.items("volume"))
    attachments = spec_network.read_attachments(flags)
    body = _config(flags, image, command, ports, volumes)
    body["Env"] = _with_proxies(body["Env"], proxies or {})
    host = _host_config(flags, ports, volumes)
    host["NetworkMode"] = attachments[0].name
    endpoints = spec_network.networking_config(attachments, flags.items("link"))
    body = _given(body)
    body["HostConfig"] = host | resources(flags)
    body["NetworkingConfig"] = {"EndpointsConfig": endpoints}
    return body


def _given(table: "Json") -> "Json":
    """Without what is empty or off; a zero stays, as somebody gave it."""
    return {
        key: value
        for key, value in table.items()
        if value or (isinstance(value, int) and not isinstance(value, bool))
    }


def _check_conflicts(flags: Flags) -> None:
    if flags.on("rm") and flags.text("restart") != "no":
        raise CliError("conflicting options: cannot specify both --restart and --rm", 125)
    swappiness = flags.number("memory-swappiness")
    if not -1 <= swappiness <= 100:
        raise CliError(f"invalid value: {swappiness}. Valid memory swappiness range is 0-100", 125)


def attached_streams(flags: Flags) -> dict[str, bool]:
    """Which of stdin, stdout, stderr the container's creator attaches to."""
    given = [text.lower() for text in flags.items("attach")]
    for text in given:
        if text not in _STREAMS:
            reason = "valid streams are STDIN, STDOUT and STDERR"
            raise usage_error(text, "-a, --attach", reason)
    chosen = given or ["stdout", "stderr", *(["stdin"] if flags.on("interactive") else [])]
    return {name: name in chosen for name in _STREAMS}


def _config(
    flags: Flags,
    image: str,
    command: list[str],
    ports: PortSpec,
    volumes: spec_mounts.VolumeSpec,
) -> "Json":
    streams = attached_streams(flags)
    return {
        "Image": image,
        "Cmd": command,
        "Entrypoint": [flags.text("entrypoint")] if flags.changed("entrypoint") else None,
        "Hostname": flags.text("hostname"),
        "Domainname": flags.text("domainname"),
        "User": flags.text("user"),
        "WorkingDir": flags.text("workdir"),
        "Tty": flags.on("tty"),
        "OpenStdin": flags.on("interactive"),
        "StdinOnce": flags.on("interactive") and streams["stdin"],
        "AttachStdin": streams["stdin"],
        "AttachStdout": streams["stdout"],
        "AttachStderr": streams["stderr"],
        "Env": spec_files.environment(flags.items("env"), flags.items("env-file")),
        "Labels": spec_files.labels(flags.items("label"), flags.items("label-file")),
        "ExposedPorts": ports.exposed,
        "Volumes": volumes.anonymous,
        "Healthcheck": _health_check(flags),
        "StopSignal": flags.text("stop-signal"),
        "StopTimeout": flags.number("stop-timeout") if flags.changed("stop-timeout") else None,
    }


def _with_proxies(env: list[str], proxies: "Mapping[str, str]") -> list[str]:
    named = {text.partition("=")[0] for text in env}
    return env + [f"{name}={value}" for name, value in proxies.items() if name not in named]


def _host_config(flags: Flags, ports: PortSpec, volumes: spec_mounts.VolumeSpec) -> "Json":
    devices = flags.items("device")
    plain = [text for text in devices if not spec_devices.is_cdi_device(text)]
    settings = {
        "ContainerIDFile": flags.text("cidfile"),
        "LogConfig": _log_config(flags),
        "RestartPolicy": restart_policy(flags.text("restart")),
        "AutoRemove": flags.on("rm"),
        "CgroupParent": flags.text("cgroup-parent"),
        "Devices": [spec_devices.device(text) for text in plain],
        "DeviceCgroupRules": flags.items("device-cgroup-rule"),
        "DeviceRequests": _device_requests(flags, [d for d in devices if d not in plain]),
        "OomKillDisable": flags.on("oom-kill-disable"),
        "OomScoreAdj": flags.number("oom-score-adj") or None,
        "ShmSize": flags.number("shm-size") or None,
        "Ulimits": spec_devices.ulimits(flags.items("ulimit")),
        "Runtime": flags.text("runtime"),
        "Isolation": flags.text("isolation"),
        "Annotations": spec_files.pairs(flags.items("annotation")),
        **_mount_settings(flags, volumes),
        **_network_settings(flags, ports),
        **_block_devices(flags),
    }
    return _given(settings) | _security_settings(flags) | _only_if_set(flags)


def _mount_settings(flags: Flags, volumes: spec_mounts.VolumeSpec) -> "Json":
    return {
        "Binds": volumes.binds,
        "Mounts": [spec_mounts.mount(text) for text in flags.items("mount")],
        "Tmpfs": spec_mounts.tmpfs(flags.items("tmpfs")),
        "VolumeDriver": flags.text("volume-driver"),
        "VolumesFrom": flags.items("volumes-from"),
        "ReadonlyRootfs": flags.on("read-only"),
        "StorageOpt": spec_files.pairs(flags.items("storage-opt")),
    }


def _network_settings(flags: Flags, ports: PortSpec) -> "Json":
    return {
        "PortBindings": ports.bindings,
        "PublishAllPorts": flags.on("publish-all"),
        "Dns": ip_addresses(flags.items("dns"), "--dns"),
        "DnsOptions": flags.items("dns-option") + flags.items("dns-opt"),
        "DnsSearch": flags.items("dns-search"),
        "ExtraHosts": extra_hosts(flags.items("add-host")),
        "Links": links(flags.items("link")),
    }


def _security_settings(flags: Flags) -> "Json":
    options, unmasked_paths = security_options(flags.items("security-opt"))
    settings = {
        "CapAdd": capabilities(flags.items("cap-add")),
        "CapDrop": capabilities(flags.items("cap-drop")),
        "GroupAdd": flags.items("group-add"),
        "Privileged": flags.on("privileged"),
        "SecurityOpt": options,
        "Sysctls": sysctls(flags.items("sysctl")),
        **modes(flags),
    }
    return _given(settings) | unmasked_paths


def _only_if_set(flags: Flags) -> "Json":
    """Settings for which false or zero differs from absent."""
    settings: Json = {}
    if flags.changed("init"):
        settings["Init"] = flags.on("init")
    if flags.number("memory-swappiness") >= 0:
        settings["MemorySwappiness"] = flags.number("memory-swappiness")
    return settings


def resources(flags: Flags) -> "Json":
    """CPU, memory, process and block IO limits, as ``update`` takes them too."""
    names = {
        "BlkioWeight": "blkio-weight",
        "CpuPeriod": "cpu-period",
        "CpuQuota": "cpu-quota",
        "CpuRealtimePeriod": "cpu-rt-period",
        "CpuRealtimeRuntime": "cpu-rt-runtime",
        "CpuShares": "cpu-shares",
        "NanoCpus": "cpus",
        "Memory": "memory",
        "MemoryReservation": "memory-reservation",
        "MemorySwap": "memory-swap",
        "PidsLimit": "pids-limit",
    }
    limits: Json = {key: flags.number(name) for key, name in names.items() if flags.changed(name)}
    for key, name in (("CpusetCpus", "cpuset-cpus"), ("CpusetMems", "cpuset-mems")):
        if flags.changed(name):
            limits[key] = flags.text(name)
    return limits


def _block_devices(flags: Flags) -> "Json":
    result: Json = {
        key: [
            spec_devices.rate_device(text, f"--{name}", in_bytes=in_bytes)
            for text in flags.items(name)
        ]
        for key, name, in_bytes in _RATES
    }
    weights = flags.items("blkio-weight-device")
    result["BlkioWeightDevice"] = [spec_devices.weight_device(text) for text in weights]
    return result


def _device_requests(flags: Flags, cdi_devices: list[str]) -> list["Json"]:
    requests = [spec_devices.gpu_request(flags.text("gpus"))] if flags.changed("gpus") else []
    if cdi_devices:
        requests.append({"Driver": "cdi", "DeviceIDs": cdi_devices})
    return requests


def _log_config(flags: Flags) -> "Json | None":
    driver, options = flags.text("log-driver"), spec_files.pairs(flags.items("log-opt"))
    if driver == "none" and options:
        raise CliError(f"invalid logging opts for driver {driver}", 125)
    return {"Type": driver, "Config": options} if driver or options else None


def restart_policy(text: str) -> "Json | None":
    """``on-failure:3`` as the API's RestartPolicy; None for no text."""
    if not text:
        return None
    name, colon, count = text.partition(":")
    if ":" in count:
        raise CliError("invalid restart policy format", 125)
    if colon and not (count.isascii() and count.isdecimal()):
        message = "invalid restart policy format: maximum retry count must be an integer"
        raise CliError(message, 125)
    return {"Name": name, "MaximumRetryCount": int(count or 0)}


def _health_check(flags: Flags) -> "Json | None":
    durations = {
        "Interval": "health-interval",
        "Timeout": "health-timeout",
        "StartPeriod": "health-start-period",
        "StartInterval": "health-start-interval",
        "Retries": "health-retries",
    }
    check: Json = {key: flags.number(name) for key, name in durations.items()}
    check = {key: value for key, value in check.items() if value}
    tests = _health_tests(flags)
    if flags.on("no-healthcheck"):
        if check or tests:
            raise CliError("--no-healthcheck conflicts with --health-* options", 125)
        return {"Test": ["NONE"]}
    for key, value in check.items():
        if value < 0:
            raise CliError(f"--{durations[key]} cannot be negative", 125)
    if len(tests) > 1:
        raise CliError("give only one of --health-cmd, --health-http and --health-tcp", 125)
    if tests:
        check["Test"] = tests[0]
    return check or None


def _health_tests(flags: Flags) -> list[list[str]]:
    kinds = {"CMD-SHELL": "health-cmd", "HTTP": "health-http", "TCP": "health-tcp"}
    return [[kind, flags.text(name)] for kind, name in kinds.items() if flags.text(name)]
