"""A container: its immutable configuration, and the state it is in."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from boxship.engine.networks.sandbox import EndpointSpec, PortSpec
from boxship.engine.runtime.task import TaskHandle
from boxship.engine.runtime.workload import Resources


class Status(StrEnum):
    """Docker's container states."""

    CREATED = "created"
    RUNNING = "running"
    PAUSED = "paused"
    RESTARTING = "restarting"
    REMOVING = "removing"
    EXITED = "exited"
    DEAD = "dead"


@dataclass(frozen=True, slots=True, kw_only=True)
class Healthcheck:
    """How to probe a container; times in nanoseconds, 0: inherited or default."""

    test: tuple[str, ...] = ()
    """Empty: inherit; ``("NONE",)``, ``("CMD", …)``, ``("CMD-SHELL", "…")``, or Boxship's own
    ``("HTTP", "8080/path")`` and ``("TCP", "5432")``."""
    interval_ns: int = 0
    timeout_ns: int = 0
    start_period_ns: int = 0
    start_interval_ns: int = 0
    retries: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerConfig:
    """The portable part of a container's configuration (Docker's Config)."""

    image: str
    """As the user named it."""
    hostname: str = ""
    domainname: str = ""
    user: str = ""
    attach_stdin: bool = False
    attach_stdout: bool = False
    attach_stderr: bool = False
    tty: bool = False
    open_stdin: bool = False
    stdin_once: bool = False
    env: tuple[str, ...] = ()
    cmd: tuple[str, ...] | None = None
    """None: the image's."""
    entrypoint: tuple[str, ...] | None = None
    """None: the image's; ``()`` or ``("",)``: none at all."""
    working_dir: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    exposed_ports: tuple[str, ...] = ()
    """``80/tcp``"""
    volumes: tuple[str, ...] = ()
    """Paths that get an anonymous volume."""
    stop_signal: str = ""
    stop_timeout_s: int | None = None
    healthcheck: Healthcheck | None = None
    network_disabled: bool = False
    mac_address: str = ""
    shell: tuple[str, ...] = ()
    on_build: tuple[str, ...] = ()
    args_escaped: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RestartPolicy:
    """When an exited container is started again."""

    name: str = "no"
    """``no``, ``always``, ``unless-stopped``, ``on-failure``, or Boxship's own ``on-unhealthy``:
    like ``on-failure``, and also when the health check says unhealthy."""
    maximum_retry_count: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class MountSpec:
    """A mount as it was asked for with ``--mount`` (Docker's HostConfig.Mounts)."""

    type: str
    """``bind``, ``volume``, ``tmpfs`` or ``image``."""
    target: str
    source: str = ""
    read_only: bool = False
    consistency: str = ""
    propagation: str = ""
    non_recursive: bool = False
    create_mountpoint: bool = False
    read_only_non_recursive: bool = False
    read_only_force_recursive: bool = False
    no_copy: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)
    driver_name: str = ""
    driver_options: Mapping[str, str] = field(default_factory=dict)
    subpath: str = ""
    tmpfs_size: int = 0
    tmpfs_mode: int = 0
    tmpfs_options: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FileContent:
    """A small file laid into the container (a secret or a configuration)."""

    target: str
    content: bytes
    uid: int = 0
    gid: int = 0
    mode: int = 0o444


@dataclass(frozen=True, slots=True, kw_only=True)
class HostConfig:
    """The part of a container's configuration that depends on the host (Docker's HostConfig)."""

    resources: Resources = field(default_factory=Resources)
    binds: tuple[str, ...] = ()
    """``source:target[:options]``"""
    mounts: tuple[MountSpec, ...] = ()
    volumes_from: tuple[str, ...] = ()
    volume_driver: str = ""
    tmpfs: Mapping[str, str] = field(default_factory=dict)
    """Target → mount options."""
    container_id_file: str = ""
    network_mode: str = "default"
    port_bindings: tuple[PortSpec, ...] = ()
    publish_all_ports: bool = False
    links: tuple[str, ...] = ()
    dns: tuple[str, ...] = ()
    dns_options: tuple[str, ...] = ()
    dns_search: tuple[str, ...] = ()
    extra_hosts: tuple[str, ...] = ()
    restart_policy: RestartPolicy = field(default_factory=RestartPolicy)
    auto_remove: bool = False
    privileged: bool = False
    cap_add: tuple[str, ...] = ()
    cap_drop: tuple[str, ...] = ()
    security_opt: tuple[str, ...] = ()
    group_add: tuple[str, ...] = ()
    read_only_rootfs: bool = False
    masked_paths: tuple[str, ...] | None = None
    readonly_paths: tuple[str, ...] | None = None
    cgroupns_mode: str = ""
    ipc_mode: str = ""
    pid_mode: str = ""
    uts_mode: str = ""
    userns_mode: str = ""
    oom_score_adj: int = 0
    shm_size: int = 0
    """Bytes; 0: the engine's default."""
    sysctls: Mapping[str, str] = field(default_factory=dict)
    storage_opt: Mapping[str, str] = field(default_factory=dict)
    runtime: str = ""
    init: bool | None = None
    isolation: str = ""
    annotations: Mapping[str, str] = field(default_factory=dict)
    console_size: tuple[int, int] = (0, 0)
    """Rows, columns."""
    log_driver: str = ""
    log_opts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerRequest:
    """What ``containers.create`` takes."""

    config: ContainerConfig
    host: HostConfig = field(default_factory=HostConfig)
    endpoints: tuple[EndpointSpec, ...] = ()
    name: str = ""
    platform: str = ""
    owner: Mapping[str, str] = field(default_factory=dict)
    """Labels of whoever manages this container (a cluster task, a project)."""
    files: tuple[FileContent, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MountPoint:
    """A mount as it was resolved at create; in force whenever the container runs."""

    type: str
    destination: str
    source: str
    """Path on the host; empty for tmpfs."""
    name: str = ""
    """Volume name."""
    driver: str = ""
    mode: str = ""
    """Options as the user gave them."""
    read_write: bool = True
    propagation: str = ""
    options: tuple[str, ...] = ()
    """OCI mount options."""
    anonymous: bool = False
    """A volume made for this container alone."""
    no_copy: bool = False
    create_source: bool = False
    """A missing bind source is created, as ``-v`` does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeResult:
    """One run of a health check. Times in nanoseconds since the epoch."""

    started_at_ns: int
    ended_at_ns: int
    exit_code: int
    """-1: it could not be run, or took too long."""
    output: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerState:
    """What changes. Times in nanoseconds since the epoch, 0: never."""

    status: Status = Status.CREATED
    pid: int = 0
    exit_code: int = 0
    error: str = ""
    oom_killed: bool = False
    started_at_ns: int = 0
    finished_at_ns: int = 0
    restart_count: int = 0
    manually_stopped: bool = False
    """A user stopped it: ``unless-stopped`` keeps it stopped across an engine restart."""
    task: TaskHandle | None = None
    intent: str = ""
    """The act under way (``start``, ``remove`` …), written before it; empty when settled."""
    health: str = ""
    """Empty without a health check, else ``starting``, ``healthy`` or ``unhealthy``."""
    failing_streak: int = 0
    """Probes in a row that failed, those of the start period not counted."""
    probes: tuple[ProbeResult, ...] = ()
    """The last ones, oldest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """One container, as read from the state at one moment."""

    id: str
    name: str
    """Without the leading slash that Docker shows."""
    created_at_ns: int
    config: ContainerConfig
    """Merged with the image's configuration: cmd and entrypoint are final."""
    host: HostConfig
    endpoints: tuple[EndpointSpec, ...]
    mounts: tuple[MountPoint, ...]
    image_id: str
    image_platform: str
    """``os/architecture[/variant]``"""
    runtime: str
    path: str
    """First element of what is executed."""
    args: tuple[str, ...]
    owner: Mapping[str, str] = field(default_factory=dict)
    files: tuple[FileContent, ...] = ()
    state: ContainerState = field(default_factory=ContainerState)
