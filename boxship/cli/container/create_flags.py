"""The flags that ``run`` and ``create`` share, and ``update``'s part of them."""

from boxship.cli.flags import Flag

_CPU = (
    Flag("cpu-period", "", "int", "Limit CPU CFS (Completely Fair Scheduler) period"),
    Flag("cpu-quota", "", "int", "Limit CPU CFS (Completely Fair Scheduler) quota"),
    Flag("cpu-rt-period", "", "int", "Limit the CPU real-time period in microseconds"),
    Flag("cpu-rt-runtime", "", "int", "Limit the CPU real-time runtime in microseconds"),
    Flag("cpu-shares", "c", "int", "CPU shares (relative weight)"),
    Flag("cpus", "", "decimal", "Number of CPUs"),
    Flag("cpuset-cpus", "", "string", "CPUs in which to allow execution (0-3, 0,1)"),
    Flag("cpuset-mems", "", "string", "Memory nodes in which to allow execution (0-3, 0,1)"),
)
_MEMORY = (
    Flag("memory", "m", "bytes", "Memory limit"),
    Flag("memory-reservation", "", "bytes", "Memory soft limit"),
    Flag(
        "memory-swap",
        "",
        "memswap",
        "Limit of memory plus swap; '-1' for unlimited swap",
        shown="bytes",
    ),
)
_BLOCK_IO_WEIGHT = Flag(
    "blkio-weight",
    "",
    "uint16",
    "Block IO weight (relative), between 10 and 1000, or 0 for none",
)
_PIDS_LIMIT = Flag("pids-limit", "", "int", "Limit the number of processes (-1 for unlimited)")
_RESTART = Flag("restart", "", "string", "Restart policy to apply when a container exits")

UPDATE_FLAGS = (_BLOCK_IO_WEIGHT, *_CPU, *_MEMORY, _PIDS_LIMIT, _RESTART)
"""Flags of ``update``."""

_RESOURCES = (
    *_CPU,
    *_MEMORY,
    _BLOCK_IO_WEIGHT,
    _PIDS_LIMIT,
    Flag("blkio-weight-device", "", "list", "Block IO weight of a device (relative)"),
    Flag("cgroup-parent", "", "string", "Parent cgroup for the container"),
    Flag("device", "", "list", "Add a host device to the container"),
    Flag("device-cgroup-rule", "", "list", "Add a rule to the cgroup's allowed devices"),
    Flag("device-read-bps", "", "list", "Limit read rate (bytes per second) from a device"),
    Flag("device-read-iops", "", "list", "Limit read rate (IO per second) from a device"),
    Flag("device-write-bps", "", "list", "Limit write rate (bytes per second) to a device"),
    Flag("device-write-iops", "", "list", "Limit write rate (IO per second) to a device"),
    Flag(
        "gpus",
        "",
        "string",
        "GPU devices to add to the container ('all' for all GPUs)",
        shown="gpu-request",
    ),
    Flag("memory-swappiness", "", "int", "Tune memory swappiness (0 to 100)", default=-1),
    Flag("oom-kill-disable", "", "bool", "Disable the OOM killer"),
    Flag("oom-score-adj", "", "int", "Tune the host's OOM preferences (-1000 to 1000)"),
    Flag("shm-size", "", "bytes", "Size of /dev/shm"),
    Flag("ulimit", "", "list", "Ulimit options", shown="ulimit"),
)
_PROCESS = (
    Flag("attach", "a", "list", "Attach to STDIN, STDOUT or STDERR"),
    Flag("entrypoint", "", "string", "Overwrite the default ENTRYPOINT of the image"),
    Flag("env", "e", "list", "Set environment variables"),
    Flag("env-file", "", "list", "Read in a file of environment variables"),
    Flag("group-add", "", "list", "Add additional groups to join"),
    Flag(
        "init", "", "bool", "Run an init in the container that forwards signals and reaps processes"
    ),
    Flag("interactive", "i", "bool", "Keep STDIN open even if not attached"),
    Flag("restart", "", "string", _RESTART.text, default="no"),
    Flag("runtime", "", "string", "Runtime to use for this container"),
    Flag("stop-signal", "", "string", "Signal to stop the container"),
    Flag("stop-timeout", "", "int", "Timeout (in seconds) to stop a container"),
    Flag("tty", "t", "bool", "Allocate a pseudo-TTY"),
    Flag("user", "u", "string", "Username or UID (format: <name|uid>[:<group|gid>])"),
    Flag("workdir", "w", "string", "Working directory inside the container"),
)
_HEALTH = (
    Flag("health-cmd", "", "string", "Command to run to check health"),
    Flag("health-http", "", "string", "Port and path to request to check health (8080/ready)"),
    Flag("health-interval", "", "duration", "Time between running the check (ms|s|m|h)"),
    Flag("health-retries", "", "int", "Consecutive failures needed to report unhealthy"),
    Flag(
        "health-start-interval",
        "",
        "duration",
        "Time between running the check during the start period (ms|s|m|h)",
    ),
    Flag(
        "health-start-period",
        "",
        "duration",
        "Time for the container to initialize before retries are counted (ms|s|m|h)",
    ),
    Flag("health-tcp", "", "string", "Port to connect to to check health"),
    Flag("health-timeout", "", "duration", "Maximum time to allow one check to run (ms|s|m|h)"),
    Flag("no-healthcheck", "", "bool", "Disable any container-specified HEALTHCHECK"),
)
_SECURITY = (
    Flag("cap-add", "", "list", "Add Linux capabilities"),
    Flag("cap-drop", "", "list", "Drop Linux capabilities"),
    Flag("cgroupns", "", "string", "Cgroup namespace to use (host|private)"),
    Flag("ipc", "", "string", "IPC mode to use"),
    Flag("isolation", "", "string", "Container isolation technology"),
    Flag("pid", "", "string", "PID namespace to use"),
    Flag("privileged", "", "bool", "Give extended privileges to this container"),
    Flag("security-opt", "", "list", "Security options"),
    Flag("sysctl", "", "list", "Sysctl options", shown="map"),
    Flag("userns", "", "string", "User namespace to use"),
    Flag("uts", "", "string", "UTS namespace to use"),
)
_STORAGE = (
    Flag("mount", "", "list", "Attach a filesystem mount to the container", shown="mount"),
    Flag("read-only", "", "bool", "Mount the container's root filesystem as read only"),
    Flag("storage-opt", "", "list", "Storage driver options for the container"),
    Flag("tmpfs", "", "list", "Mount a tmpfs directory"),
    Flag("volume", "v", "list", "Bind mount a volume"),
    Flag("volume-driver", "", "string", "Optional volume driver for the container"),
    Flag("volumes-from", "", "list", "Mount volumes from the specified container(s)"),
)
_NETWORK = (
    Flag("add-host", "", "list", "Add a custom host-to-IP mapping (host:ip)"),
    Flag("dns", "", "list", "Set custom DNS servers"),
    Flag("dns-option", "", "list", "Set DNS options"),
    Flag("dns-opt", "", "list", "Set DNS options", hidden=True),
    Flag("dns-search", "", "list", "Set custom DNS search domains"),
    Flag("domainname", "", "string", "Container NIS domain name"),
    Flag("expose", "", "list", "Expose a port or a range of ports"),
    Flag("hostname", "h", "string", "Container host name"),
    Flag("ip", "", "string", "IPv4 address (e.g., 172.30.100.104)"),
    Flag("ip6", "", "string", "IPv6 address (e.g., 2001:db8::33)"),
    Flag("link", "", "list", "Add link to another container"),
    Flag("link-local-ip", "", "list", "Container IPv4/IPv6 link-local addresses"),
    Flag("mac-address", "", "string", "Container MAC address (e.g., 92:d0:c6:0a:29:33)"),
    Flag("net", "", "list", "Connect a container to a network", shown="network", hidden=True),
    Flag("net-alias", "", "list", "Add network-scoped alias for the container", hidden=True),
    Flag("network", "", "list", "Connect a container to a network", shown="network"),
    Flag("network-alias", "", "list", "Add network-scoped alias for the container"),
    Flag("publish", "p", "list", "Publish a container's port(s) to the host"),
    Flag("publish-all", "P", "bool", "Publish all exposed ports to random ports"),
)
_DESCRIPTION = (
    Flag("annotation", "", "list", "Add an annotation, passed to the OCI runtime", shown="map"),
    Flag("cidfile", "", "string", "Write the container ID to the file"),
    Flag("label", "l", "list", "Set meta data on a container"),
    Flag("label-file", "", "list", "Read in a line delimited file of labels"),
    Flag("log-driver", "", "string", "Logging driver for the container"),
    Flag("log-opt", "", "list", "Log driver options"),
    Flag("name", "", "string", "Assign a name to the container"),
    Flag("platform", "", "string", "Set platform if server is multi-platform capable"),
    Flag(
        "pull",
        "",
        "string",
        'Pull image before running ("always", "missing", "never")',
        default="missing",
    ),
    Flag("quiet", "q", "bool", "Suppress the pull output"),
    Flag("rm", "", "bool", "Remove the container and its anonymous volumes when it exits"),
    Flag("use-api-socket", "", "bool", "Bind mount the API socket and pass the registry logins"),
)
_WINDOWS = (
    Flag("cpu-count", "", "int", "CPU count (Windows only)", hidden=True),
    Flag("cpu-percent", "", "int", "CPU percent (Windows only)", hidden=True),
    Flag("io-maxbandwidth", "", "bytes", "Maximum IO bandwidth (Windows only)", hidden=True),
    Flag("io-maxiops", "", "uint", "Maximum IOps (Windows only)", hidden=True),
    Flag("disable-content-trust", "", "bool", "Skip image verification", default=True, hidden=True),
    Flag("kernel-memory", "", "bytes", "Kernel memory limit", hidden=True),
)

CREATE_FLAGS = (
    *_DESCRIPTION,
    *_PROCESS,
    *_RESOURCES,
    *_HEALTH,
    *_SECURITY,
    *_STORAGE,
    *_NETWORK,
    *_WINDOWS,
)
"""Flags of ``create``; ``run`` has a few more."""
