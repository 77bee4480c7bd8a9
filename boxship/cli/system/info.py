"""``boxship info``."""

from boxship import __version__, units
from boxship.cli.flags import Flag, Flags
from boxship.cli.session import Cli
from boxship.client.calls.system import system_info
from boxship.errors import BoxshipError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    Json = Mapping[str, Any]

USAGE = "[OPTIONS]"
ARGS: tuple[int, int | None] = (0, 0)
FLAGS = (
    Flag("format", "f", "string", "Format output using a custom template: 'json' or a Go template"),
)
_SIMPLE_ROWS = (
    ("KernelVersion", "Kernel Version"),
    ("OperatingSystem", "Operating System"),
    ("OSType", "OSType"),
    ("Architecture", "Architecture"),
    ("NCPU", "CPUs"),
)


def run(cli: Cli, flags: Flags, args: list[str]) -> int:
    """Print what client and daemon are and have."""
    client = {"Version": __version__, "Context": "default", "Debug": cli.options.debug}
    failure: BoxshipError | None = None
    info: Json = {}
    try:
        info = cli.json(system_info())
    except BoxshipError as error:
        failure = error
    if flags.text("format"):
        from boxship.cli.inspecting import render_one

        cli.write(render_one({**info, "ClientInfo": client}, flags.text("format")))
    else:
        cli.write(_client_text(client) + "\nServer:\n" + (_server_text(info) if info else ""))
        for warning in info.get("Warnings") or []:
            cli.warn(warning)
    if failure is not None:
        raise failure
    return 0


def _client_text(client: "Json") -> str:
    return (
        f"Client: Boxship\n Version:    {client['Version']}\n Context:    {client['Context']}\n"
        f" Debug Mode: {_bool(client['Debug'])}\n"
    )


def _server_text(info: "Json") -> str:
    lines = _count_lines(info) + _storage_lines(info) + _plugin_lines(info)
    lines += _swarm_lines(info) + _runtime_lines(info) + _security_lines(info)
    lines += [f"{title}: {info.get(key, '')}" for key, title in _SIMPLE_ROWS]
    lines += _host_lines(info) + _registry_lines(info)
    return "".join(f" {line}\n" for line in lines) + "\n"


def _bool(value: object) -> str:
    return "true" if value else "false"


def _count_lines(info: "Json") -> list[str]:
    return [
        f"Containers: {info.get('Containers', 0)}",
        f" Running: {info.get('ContainersRunning', 0)}",
        f" Paused: {info.get('ContainersPaused', 0)}",
        f" Stopped: {info.get('ContainersStopped', 0)}",
        f"Images: {info.get('Images', 0)}",
        f"Server Version: {info.get('ServerVersion', '')}",
    ]


def _storage_lines(info: "Json") -> list[str]:
    status = [f" {key}: {value}" for key, value in info.get("DriverStatus") or []]
    return [
        f"Storage Driver: {info.get('Driver', '')}",
        *status,
        f"Logging Driver: {info.get('LoggingDriver', '')}",
        f"Cgroup Driver: {info.get('CgroupDriver', '')}",
        *([f"Cgroup Version: {info['CgroupVersion']}"] if info.get("CgroupVersion") else []),
    ]


def _plugin_lines(info: "Json") -> list[str]:
    plugins = info.get("Plugins") or {}
    lines = ["Plugins:"]
    for kind in ("Volume", "Network", "Authorization", "Log"):
        names = plugins.get(kind) or []
        if names or kind in ("Volume", "Network", "Log"):
            lines.append(f" {kind}: {' '.join(names)}")
    devices = [device.get("ID", "") for device in info.get("DiscoveredDevices") or []]
    if info.get("CDISpecDirs"):
        lines += ["CDI spec directories:", *(f" {path}" for path in info["CDISpecDirs"])]
    return lines + (["Discovered Devices:", *(f" {name}" for name in devices)] if devices else [])


def _swarm_lines(info: "Json") -> list[str]:
    swarm = info.get("Swarm") or {}
    lines = [f"Swarm: {swarm.get('LocalNodeState') or 'inactive'}"]
    if swarm.get("LocalNodeState") in ("", None, "inactive", "locked"):
        return lines
    lines.append(f" NodeID: {swarm.get('NodeID', '')}")
    if swarm.get("Error"):
        lines.append(f" Error: {swarm['Error']}")
    lines.append(f" Is Manager: {_bool(swarm.get('ControlAvailable'))}")
    if swarm.get("ControlAvailable"):
        lines.append(f" ClusterID: {(swarm.get('Cluster') or {}).get('ID', '')}")
        lines += [f" Managers: {swarm.get('Managers', 0)}", f" Nodes: {swarm.get('Nodes', 0)}"]
    return [*lines, f" Node Address: {swarm.get('NodeAddr', '')}"]


def _runtime_lines(info: "Json") -> list[str]:
    lines = [
        f"Runtimes: {' '.join(info.get('Runtimes') or {})}",
        f"Default Runtime: {info.get('DefaultRuntime', '')}",
        f"Init Binary: {info.get('InitBinary', '')}",
    ]
    for key, title in (("Containerd", "containerd"), ("Runc", "runc"), ("Init", "init")):
        commit = (info.get(f"{key}Commit") or {}).get("ID")
        if commit:
            lines.append(f"{title} version: {commit}")
    return lines


def _security_lines(info: "Json") -> list[str]:
    """``name=seccomp,profile=builtin`` becomes a title and rows below it."""
    lines = []
    for option in info.get("SecurityOptions") or []:
        pairs = [item.partition("=")[::2] for item in str(option).split(",")]
        for key, value in pairs:
            lines.append(f" {value}" if key == "name" else f"  {key.capitalize()}: {value}")
    return ["Security Options:", *lines] if lines else []


def _host_lines(info: "Json") -> list[str]:
    proxies = (("HttpProxy", "HTTP Proxy"), ("HttpsProxy", "HTTPS Proxy"), ("NoProxy", "No Proxy"))
    lines = [
        f"Total Memory: {units.human_size_binary(info.get('MemTotal') or 0)}",
        f"Name: {info.get('Name', '')}",
        f"ID: {info.get('ID', '')}",
        f"Docker Root Dir: {info.get('DockerRootDir', '')}",
        f"Debug Mode: {_bool(info.get('Debug'))}",
    ]
    if info.get("Debug"):
        lines += [
            f" File Descriptors: {info.get('NFd', 0)}",
            f" Goroutines: {info.get('NGoroutines', 0)}",
            f" System Time: {info.get('SystemTime', '')}",
            f" EventsListeners: {info.get('NEventsListener', 0)}",
        ]
    lines += [f"{title}: {info[key]}" for key, title in proxies if info.get(key)]
    if info.get("Labels"):
        lines += ["Labels:", *(f" {label}" for label in info["Labels"])]
    return [*lines, f"Experimental: {_bool(info.get('ExperimentalBuild'))}"]


def _registry_lines(info: "Json") -> list[str]:
    registries = info.get("RegistryConfig") or {}
    insecure = [
        name
        for name, index in (registries.get("IndexConfigs") or {}).items()
        if not index.get("Secure")
    ] + list(registries.get("InsecureRegistryCIDRs") or [])
    lines = ["Insecure Registries:", *(f" {name}" for name in insecure)] if insecure else []
    if registries.get("Mirrors"):
        lines += ["Registry Mirrors:", *(f" {url}" for url in registries["Mirrors"])]
    lines.append(f"Live Restore Enabled: {_bool(info.get('LiveRestoreEnabled'))}")
    if info.get("ProductLicense"):
        lines.append(f"Product License: {info['ProductLicense']}")
    pools = info.get("DefaultAddressPools") or []
    if pools:
        shown = (f" Base: {pool.get('Base')}, Size: {pool.get('Size')}" for pool in pools)
        lines += ["Default Address Pools:", *shown]
    firewall = (info.get("FirewallBackend") or {}).get("Driver")
    return lines + ([f"Firewall Backend: {firewall}"] if firewall else [])
