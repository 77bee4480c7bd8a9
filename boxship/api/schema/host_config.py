"""Docker's ``HostConfig``: what a container may use of its host; read and shown in one shape."""

from msgspec import UNSET, UnsetType, field

from boxship.api.schema.shape import Int64, Shape, StringOrList


class LogConfig(Shape):
    """Log driver and its options."""

    type: str = ""
    config: dict[str, str] = field(default_factory=dict)


class PortBinding(Shape):
    """One host side of a published port; ``host_port`` may be a range."""

    host_ip: str = field(default="", name="HostIp")
    host_port: str = ""


class RestartPolicy(Shape):
    """When an exited container is started again."""

    name: str = ""
    maximum_retry_count: Int64 = 0


class WeightDevice(Shape):
    """Block IO weight of one device."""

    path: str = ""
    weight: Int64 = 0


class ThrottleDevice(Shape):
    """A rate of one device."""

    path: str = ""
    rate: Int64 = 0


class DeviceMapping(Shape):
    """A host device inside the container."""

    path_on_host: str = ""
    path_in_container: str = ""
    cgroup_permissions: str = ""


class DeviceRequest(Shape):
    """Devices asked for by driver and capability."""

    driver: str = ""
    count: Int64 = 0
    device_ids: list[str] | None = None
    capabilities: list[list[str]] | None = None
    options: dict[str, str] | None = None


class Ulimit(Shape):
    """A resource limit."""

    name: str = ""
    hard: Int64 = 0
    soft: Int64 = 0


class BindOptions(Shape):
    """Options of a ``bind`` mount."""

    propagation: str | UnsetType = UNSET
    non_recursive: bool | UnsetType = UNSET
    create_mountpoint: bool | UnsetType = UNSET
    read_only_non_recursive: bool | UnsetType = UNSET
    read_only_force_recursive: bool | UnsetType = UNSET


class MountDriver(Shape):
    """Volume driver of a ``volume`` mount."""

    name: str | UnsetType = UNSET
    options: dict[str, str] | UnsetType = UNSET


class VolumeOptions(Shape):
    """Options of a ``volume`` mount."""

    no_copy: bool | UnsetType = UNSET
    labels: dict[str, str] | UnsetType = UNSET
    subpath: str | UnsetType = UNSET
    driver_config: MountDriver | UnsetType = UNSET


class ImageOptions(Shape):
    """Options of an ``image`` mount."""

    subpath: str | UnsetType = UNSET


class TmpfsOptions(Shape):
    """Options of a ``tmpfs`` mount."""

    size_bytes: Int64 | UnsetType = UNSET
    mode: Int64 | UnsetType = UNSET
    options: list[list[str]] | UnsetType = UNSET


class Mount(Shape):
    """A mount as ``--mount`` asks for it."""

    type: str | UnsetType = UNSET
    source: str | UnsetType = UNSET
    target: str | UnsetType = UNSET
    read_only: bool | UnsetType = UNSET
    consistency: str | UnsetType = UNSET
    bind_options: BindOptions | UnsetType = UNSET
    volume_options: VolumeOptions | UnsetType = UNSET
    image_options: ImageOptions | UnsetType = UNSET
    tmpfs_options: TmpfsOptions | UnsetType = UNSET


class Resources(Shape):
    """The limits, in the order in which Docker shows them; also the body of an update."""

    cpu_shares: Int64 = 0
    memory: Int64 = 0
    nano_cpus: Int64 = 0
    cgroup_parent: str = ""
    blkio_weight: Int64 = 0
    blkio_weight_device: list[WeightDevice] | None = None
    blkio_device_read_bps: list[ThrottleDevice] | None = None
    blkio_device_write_bps: list[ThrottleDevice] | None = None
    blkio_device_read_iops: list[ThrottleDevice] | None = field(
        default=None, name="BlkioDeviceReadIOps"
    )
    blkio_device_write_iops: list[ThrottleDevice] | None = field(
        default=None, name="BlkioDeviceWriteIOps"
    )
    cpu_period: Int64 = 0
    cpu_quota: Int64 = 0
    cpu_realtime_period: Int64 = 0
    cpu_realtime_runtime: Int64 = 0
    cpuset_cpus: str = ""
    cpuset_mems: str = ""
    devices: list[DeviceMapping] | None = None
    device_cgroup_rules: list[str] | None = None
    device_requests: list[DeviceRequest] | None = None
    memory_reservation: Int64 = 0
    memory_swap: Int64 = 0
    memory_swappiness: Int64 | None = None
    oom_kill_disable: bool | None = None
    pids_limit: Int64 | None = None
    ulimits: list[Ulimit] | None = None
    cpu_count: Int64 = 0
    cpu_percent: Int64 = 0
    io_maximum_iops: Int64 = field(default=0, name="IOMaximumIOps")
    io_maximum_bandwidth: Int64 = 0


class HostConfig(Resources):
    """All of it."""

    binds: list[str] | None = None
    container_id_file: str = ""
    log_config: LogConfig = field(default_factory=LogConfig)
    network_mode: str = ""
    port_bindings: dict[str, list[PortBinding]] | None = None
    restart_policy: RestartPolicy = field(default_factory=RestartPolicy)
    auto_remove: bool = False
    volume_driver: str = ""
    volumes_from: list[str] | None = None
    console_size: list[Int64] = field(default_factory=lambda: [0, 0])
    annotations: dict[str, str] | UnsetType = UNSET
    cap_add: StringOrList = None
    cap_drop: StringOrList = None
    cgroupns_mode: str = ""
    dns: list[str] | None = field(default=None, name="Dns")
    dns_options: list[str] | None = field(default=None, name="DnsOptions")
    dns_search: list[str] | None = field(default=None, name="DnsSearch")
    extra_hosts: list[str] | None = None
    group_add: list[str] | None = None
    ipc_mode: str = ""
    cgroup: str = ""
    links: list[str] | None = None
    oom_score_adj: Int64 = 0
    pid_mode: str = ""
    privileged: bool = False
    publish_all_ports: bool = False
    readonly_rootfs: bool = False
    security_opt: list[str] | None = None
    storage_opt: dict[str, str] | UnsetType = UNSET
    tmpfs: dict[str, str] | UnsetType = UNSET
    uts_mode: str = ""
    userns_mode: str = ""
    shm_size: Int64 = 0
    sysctls: dict[str, str] | UnsetType = UNSET
    runtime: str | UnsetType = UNSET
    isolation: str = ""
    mounts: list[Mount] | UnsetType = UNSET
    masked_paths: list[str] | None = None
    readonly_paths: list[str] | None = None
    init: bool | UnsetType = UNSET


class UpdateBody(Resources):
    """Body of ``POST /containers/{id}/update``; what is left out stays as it is."""

    restart_policy: RestartPolicy | None = None
