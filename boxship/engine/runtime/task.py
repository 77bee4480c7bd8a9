"""A task: one running (or finished) process tree under a conmon of its own."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskSpec:
    """How a container's task is supervised."""

    id: str
    bundle: Path
    """Directory with ``config.json``."""
    runtime: str
    """Name in the runtimes table."""
    terminal: bool
    open_stdin: bool
    """Keep a standard input that clients can write to."""
    stdin_once: bool
    """Close it when the first client that attached to it has left."""
    log_path: Path | None
    """conmon's own log (``k8s-file`` lines); None keeps none."""
    log_max_bytes: int = 20 * 1024 * 1024
    """Size at which the log goes on in a new file; 0: never."""
    log_max_files: int = 5
    """Files kept of it, the current one included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskHandle:
    """Enough to find a task again after the engine was restarted."""

    pid: int
    pid_start_time: int
    """Field 22 of /proc/PID/stat: tells a reused pid from the same process."""
    conmon_pid: int
    conmon_start_time: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskExit:
    """How a task ended."""

    exit_code: int
    """0–255; 128 + signal number for a signal."""
    exited_at_ns: int
    oom_killed: bool = False
    reason: str = ""
    """Why the status is not the process's own (conmon lost, host rebooted); else empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecSpec:
    """A further process in a container's namespaces."""

    id: str
    container_id: str
    args: tuple[str, ...]
    env: tuple[str, ...]
    """Whole environment."""
    cwd: str
    user: str
    additional_groups: tuple[str, ...] = ()
    terminal: bool = False
    console_size: tuple[int, int] | None = None
    open_stdin: bool = False
    privileged: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachRequest:
    """What a client wants of a task's streams."""

    stdin: bool = False
    stdout: bool = True
    stderr: bool = True
    detach_keys: bytes = b"\x10\x11"
    """The key sequence that ends the attachment; empty: none."""
    framed: bool = True
    """Tell stdout and stderr apart by stdcopy frames; a terminal's output is all stdout."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockIO:
    """Totals of one block device."""

    major: int
    minor: int
    op: str
    value: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskStats:
    """Readings of a task's cgroup, bytes and nanoseconds."""

    read_at_ns: int
    cpu_total_ns: int
    cpu_user_ns: int
    cpu_system_ns: int
    per_cpu_ns: tuple[int, ...] = ()
    throttled_periods: int = 0
    periods: int = 0
    throttled_ns: int = 0
    memory_usage: int = 0
    memory_max_usage: int = 0
    memory_limit: int = 0
    memory_stats: Mapping[str, int] = field(default_factory=dict)
    oom_kills: int = 0
    pids_current: int = 0
    pids_limit: int = 0
    block_bytes: tuple[BlockIO, ...] = ()
    block_ops: tuple[BlockIO, ...] = ()
