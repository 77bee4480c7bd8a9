"""The engine and its host as ``/version`` and ``/info`` tell them."""

import asyncio
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from msgspec import UNSET

from boxship import __version__
from boxship.api.components import Program
from boxship.api.convert.host_config import DEFAULT_LOG_DRIVER
from boxship.api.convert.registry import registry_json
from boxship.api.schema import system as schema
from boxship.api.server import ServerFacts
from boxship.api.versions import MAX_API_VERSION, ApiVersion
from boxship.engine.config import EngineConfig
from boxship.engine.containers.container import Status
from boxship.engine.logs.drivers.table import LOG_DRIVERS
from boxship.linux import host as linux_host
from boxship.linux.cgroups import Hierarchies
from boxship.linux.host import Host
from boxship.linux.sysctl import read_sysctl
from boxship.units import format_timestamp_ns

if TYPE_CHECKING:
    from boxship.engine import Engine

_INDEX_SERVER: Final = "https://index.docker.io/v1/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Programs:
    """What runs the containers; None: not installed, or it does not say its version."""

    runtime: Program | None
    monitor: Program | None
    init: Program | None


def version_json(host: Host, facts: ServerFacts, programs: Programs) -> schema.SystemVersion:
    """Write the answer to ``GET /version``."""
    python = f"python{sys.version_info.major}.{sys.version_info.minor}.{sys.version_info.micro}"
    details = {
        "ApiVersion": str(MAX_API_VERSION),
        "Arch": host.architecture,
        "Experimental": "true" if facts.experimental else "false",
        "GitCommit": f"v{__version__}",
        "GoVersion": python,
        "KernelVersion": host.kernel,
        "MinAPIVersion": str(facts.min_api_version),
        "Os": "linux",
    }
    return schema.SystemVersion(
        platform=schema.PlatformName(name="Boxship"),
        components=[
            schema.Component(name="Engine", version=__version__, details=details),
            *(_component(item) for item in _present(programs)),
        ],
        version=__version__,
        api_version=str(MAX_API_VERSION),
        min_api_version=str(facts.min_api_version),
        git_commit=f"v{__version__}",
        go_version=python,
        os="linux",
        arch=host.architecture,
        kernel_version=host.kernel,
        experimental=facts.experimental or UNSET,
    )


def _present(programs: Programs) -> list[Program]:
    found = (programs.runtime, programs.monitor, programs.init)
    return [program for program in found if program is not None]


def _component(program: Program) -> schema.Component:
    return schema.Component(
        name=program.name, version=program.version, details={"GitCommit": program.commit}
    )


def info_json(
    engine: "Engine",
    host: Host,
    facts: ServerFacts,
    programs: Programs,
    version: ApiVersion,
) -> schema.SystemInfo:
    """Write the answer to ``GET /info``."""
    return schema.SystemInfo(
        **_engine_part(engine, facts, version),
        **_settings_part(engine.config, version),
        **_limits_part(engine.runtime.host.hierarchies, version),
        warnings=[*_warnings(engine.runtime.host.hierarchies), *facts.warnings],
        kernel_version=host.kernel,
        operating_system=host.operating_system,
        os_version=host.os_version,
        os_type="linux",
        architecture=host.machine,
        ncpu=host.processors,
        mem_total=host.memory,
        name=engine.config.name or host.name,
        containerd_commit=_commit(programs.monitor, version),
        runc_commit=_commit(programs.runtime, version),
        init_commit=_commit(programs.init, version),
    )


def _engine_part(engine: "Engine", facts: ServerFacts, version: ApiVersion) -> dict[str, Any]:
    """What the engine has and does."""
    counts = engine.containers.counts()
    running, paused = counts[Status.RUNNING], counts[Status.PAUSED]
    total = sum(counts.values())
    return {
        "id": engine.id,
        "containers": total,
        "containers_running": running,
        "containers_paused": paused,
        "containers_stopped": total - running - paused,
        "images": len(engine.images.list({})),
        "driver": engine.storage.driver_name,
        "driver_status": list(engine.storage.driver_status),
        "plugins": _plugins(engine),
        "debug": facts.debug,
        "n_fd": linux_host.open_files(),
        "n_goroutines": len(asyncio.all_tasks()),
        "system_time": format_timestamp_ns(time.time_ns()),
        "n_events_listener": engine.events.listener_count,
        "server_version": __version__,
        "experimental_build": facts.experimental,
        "runtimes": _runtimes(engine, version),
        "cgroup_driver": engine.runtime.cgroup_driver,
        "swarm": _no_swarm(),
        "live_restore_enabled": True,
        "isolation": "",
        "cdi_spec_dirs": [],
        "security_options": _security_options(engine),
        "firewall_backend": schema.Firewall(driver="nftables") if version >= (1, 49) else UNSET,
    }


def _settings_part(config: EngineConfig, version: ApiVersion) -> dict[str, Any]:
    """What the engine was told."""
    pools = config.network.default_address_pools
    return {
        "logging_driver": config.containers.log_driver or DEFAULT_LOG_DRIVER,
        "index_server_address": _INDEX_SERVER,
        "registry_config": registry_json(config.registry, version),
        "docker_root_dir": str(config.data_root),
        "http_proxy": _masked(config.registry.http_proxy),
        "https_proxy": _masked(config.registry.https_proxy),
        "no_proxy": config.registry.no_proxy,
        "labels": list(config.labels),
        "default_runtime": config.default_runtime,
        "init_binary": _init_binary(config),
        "default_address_pools": [schema.Pool(base=pool.base, size=pool.size) for pool in pools]
        or UNSET,
    }


def _limits_part(hierarchies: Hierarchies, version: ApiVersion) -> dict[str, Any]:
    """What containers can be limited by."""
    controllers = hierarchies.controllers
    limits = _Limits.read(hierarchies)
    old_bridge_fields = False if version < (1, 50) else UNSET
    return {
        "cgroup_version": str(hierarchies.version),
        "memory_limit": "memory" in controllers,
        "swap_limit": limits.swap,
        "cpu_cfs_period": limits.cpu_quota,
        "cpu_cfs_quota": limits.cpu_quota,
        "cpu_shares": "cpu" in controllers,
        "cpu_set": "cpuset" in controllers,
        "pids_limit": "pids" in controllers,
        "oom_kill_disable": hierarchies.version == 1 and "memory" in controllers,
        "ipv4_forwarding": _forwards(),
        "bridge_nf_iptables": old_bridge_fields,
        "bridge_nf_ip6tables": old_bridge_fields,
    }


@dataclass(frozen=True, slots=True)
class _Limits:
    """Limits that a kernel may lack though it has the controller."""

    swap: bool
    cpu_quota: bool

    @classmethod
    def read(cls, hierarchies: Hierarchies) -> "_Limits":
        if hierarchies.version == 2:
            # the root group has no limits; any group below it shows which ones there are
            names = {"swap": "memory.swap.max", "cpu_quota": "cpu.max"}
            root = hierarchies.unified
            found = {
                key: root is not None and any(root.glob(f"*/{name}")) for key, name in names.items()
            }
            return cls(**found)
        memory, cpu = (hierarchies.directory("/", name) for name in ("memory", "cpu"))
        return cls(
            swap=memory is not None and (memory / "memory.memsw.limit_in_bytes").exists(),
            cpu_quota=cpu is not None and (cpu / "cpu.cfs_quota_us").exists(),
        )


def _warnings(hierarchies: Hierarchies) -> list[str]:
    controllers, limits = hierarchies.controllers, _Limits.read(hierarchies)
    checks = {
        "No memory limit support": "memory" in controllers,
        "No swap limit support": limits.swap,
        "No cpu cfs quota support": limits.cpu_quota,
        "No cpu shares support": "cpu" in controllers,
        "No cpuset support": "cpuset" in controllers,
        "No pids limit support": "pids" in controllers,
        "IPv4 forwarding is disabled": _forwards(),
    }
    return [f"WARNING: {text}" for text, holds in checks.items() if not holds]


def _forwards() -> bool:
    return read_sysctl("net/ipv4/ip_forward") == "1"


def _plugins(engine: "Engine") -> schema.Plugins:
    return schema.Plugins(
        volume=["local"],
        network=sorted(engine.networks.driver_names),
        authorization=None,
        log=list(LOG_DRIVERS),
    )


def _runtimes(engine: "Engine", version: ApiVersion) -> dict[str, schema.RuntimeInfo]:
    status: dict[str, str] | None = {} if version >= (1, 44) else None
    return {
        name: schema.RuntimeInfo(
            path=runtime.path,
            args=list(runtime.args) or UNSET,
            status=UNSET if status is None else status,
        )
        for name, runtime in engine.runtime.runtimes().items()
    }


def _no_swarm() -> schema.SwarmInfo:
    return schema.SwarmInfo(
        node_id="",
        node_addr="",
        local_node_state="inactive",
        control_available=False,
        error="",
        remote_managers=None,
    )


def _init_binary(config: EngineConfig) -> str:
    return config.containers.init_path.rpartition("/")[2]


def _commit(program: Program | None, version: ApiVersion) -> schema.Commit:
    """Name the program that has the place of Docker's; none of them is containerd or runc."""
    text = f"{program.name} {program.version}" if program else "not installed"
    return schema.Commit(id=text, expected=text if version < (1, 49) else UNSET)


def _security_options(engine: "Engine") -> list[str]:
    config, runtime = engine.config, engine.runtime
    options = []
    if runtime.apparmor_profile:
        options.append("name=apparmor")
    if linux_host.has_seccomp():
        profile = config.containers.seccomp_profile or "builtin"
        options.append(f"name=seccomp,profile={profile}")
    mode = config.containers.cgroupns_mode or ("private" if runtime.cgroup_version == 2 else "host")
    if mode == "private":
        options.append("name=cgroupns")
    return options


def _masked(url: str) -> str:
    """Hide the credentials in a proxy's URL."""
    scheme, separator, rest = url.partition("://")
    if not separator or "@" not in rest:
        return url
    return f"{scheme}://xxxxx:xxxxx@{rest.rpartition('@')[2]}"
