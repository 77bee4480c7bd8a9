"""Checks of containers that hold for both control group drivers."""

import json
import urllib.request
from pathlib import Path

from tests.guest import kit
from tests.guest.kit import boxship, equal, expect, inspect, read, refused

_MIB = 1 << 20
_PORT = 18080


def image_is_loaded() -> None:
    archive = "/tmp/busybox.tar"
    library = "/usr/local/lib/boxship"
    kit.output(
        "env",
        f"PYTHONPATH={library}/packages",
        f"{library}/venv/bin/python",
        "-m",
        "boxship.entrypoints.base_image",
        "--docker-archive",
        archive,
        "busybox:latest",
    )
    expect("busybox:latest" in boxship("load", "-i", archive), boxship("images"))
    Path(archive).unlink()


def run_removes_its_container() -> None:
    equal(boxship("run", "--rm", "busybox", "echo", "hello"), "hello")
    equal(boxship("ps", "-aq"), "")


def limits_are_set_in_the_kernel() -> None:
    limits = ("-m", "64m", "--cpus", "0.5", "--pids-limit", "40", "--cpu-shares", "512")
    boxship("run", "-d", "--name", "limited", *limits, "busybox", "sleep", "1000")
    group = kit.group_of("limited")
    equal(read(group / "memory.max"), str(64 * _MIB))
    equal(read(group / "memory.swap.max"), str(64 * _MIB))
    equal(read(group / "cpu.max"), "50000 100000")
    equal(read(group / "pids.max"), "40")
    # What runc and crun make of shares: 1 + (shares - 2) * 9999 / 262142.
    equal(read(group / "cpu.weight"), "20")


def devices_are_filtered() -> None:
    script = "mknod /tmp/disk b 254 0 && head -c1 /tmp/disk"
    result = kit.run("boxship", "run", "--rm", "busybox", "sh", "-c", script)
    expect("Operation not permitted" in result.stderr, result.stderr)


def control_group_namespace_is_private() -> None:
    equal(boxship("exec", "limited", "cat", "/proc/self/cgroup"), "0::/")
    equal(boxship("exec", "limited", "cat", "/sys/fs/cgroup/memory.max"), str(64 * _MIB))
    code, _ = refused("exec", "limited", "mkdir", "/sys/fs/cgroup/mine")
    equal(code, 1)
    host = boxship("run", "--rm", "--cgroupns", "host", "busybox", "cat", "/proc/self/cgroup")
    expect("boxship" in host, host)


def exec_and_top_see_the_processes() -> None:
    boxship("exec", "-d", "limited", "sleep", "2000")
    kit.until(lambda: "sleep 2000" in boxship("top", "limited"), "the exec in top")
    expect("sleep 1000" in boxship("top", "limited"), boxship("top", "limited"))
    equal(refused("exec", "limited", "sh", "-c", "exit 7")[0], 7)


def stats_are_sensible() -> None:
    row = json.loads(boxship("stats", "--no-stream", "--format", "{{json .}}", "limited"))
    expect(row["MemUsage"].endswith("/ 64MiB"), row)
    expect(0 < float(row["MemPerc"].rstrip("%")) < 100, row)
    equal(row["PIDs"], "2")


def pause_freezes() -> None:
    group = kit.group_of("limited")
    boxship("pause", "limited")
    equal(read(group / "cgroup.freeze"), "1")
    equal(inspect("limited")["State"]["Status"], "paused")
    _, message = refused("exec", "limited", "true")
    expect("is paused" in message, message)
    boxship("unpause", "limited")
    equal(read(group / "cgroup.freeze"), "0")
    boxship("exec", "limited", "true")


def update_changes_limits() -> None:
    group = kit.group_of("limited")
    changes = ("-m", "96m", "--memory-swap", "128m", "--cpus", "1.5", "--pids-limit", "-1")
    boxship("update", *changes, "limited")
    equal(read(group / "memory.max"), str(96 * _MIB))
    equal(read(group / "memory.swap.max"), str(32 * _MIB))
    equal(read(group / "cpu.max"), "150000 100000")
    expect(read(group / "pids.max") in ("max", "4194304"), read(group / "pids.max"))
    equal(inspect("limited")["HostConfig"]["Memory"], 96 * _MIB)


def stop_start_kill_and_rm() -> None:
    boxship("stop", "-t", "1", "limited")
    state = inspect("limited")["State"]
    equal((state["Status"], state["ExitCode"], state["OOMKilled"]), ("exited", 137, False))
    boxship("start", "limited")
    equal(read(kit.group_of("limited") / "memory.max"), str(96 * _MIB))
    boxship("kill", "limited")
    equal(boxship("wait", "limited"), "137")
    boxship("start", "limited")
    boxship("pause", "limited")
    boxship("rm", "-f", "limited")
    equal(boxship("ps", "-aq"), "")


def out_of_memory_is_noticed() -> None:
    code, _ = refused("run", "--name", "greedy", "-m", "24m", "busybox", "tail", "/dev/zero")
    equal(code, 137)
    equal(inspect("greedy")["State"]["OOMKilled"], True)
    boxship("rm", "greedy")


def too_many_processes_are_refused() -> None:
    script = "for i in 1 2 3 4 5 6 7 8; do sleep 5 & done; wait"
    result = kit.run("boxship", "run", "--rm", "--pids-limit", "5", "busybox", "sh", "-c", script)
    expect("can't fork" in result.stderr, result.stderr)


def privileged_owns_its_groups() -> None:
    script = "mkdir /sys/fs/cgroup/mine && rmdir /sys/fs/cgroup/mine && ls /dev/vda"
    equal(
        boxship(
            "run", "--rm", "--privileged", "--cgroupns", "private", "busybox", "sh", "-c", script
        ),
        "/dev/vda",
    )


def runc_works_too() -> None:
    words = ("run", "-d", "--name", "other", "--runtime", "runc", "-m", "32m")
    boxship(*words, "busybox", "sleep", "1000")
    group = kit.group_of("other")
    equal(read(group / "memory.max"), str(32 * _MIB))
    boxship("rm", "-f", "other")
    expect(not group.exists(), group)


def port_is_published_on_loopback() -> None:
    serve = ("httpd", "-f", "-p", "80", "-h", "/etc")
    boxship("run", "-d", "--name", "web", "-p", f"{_PORT}:80", "busybox", *serve)
    expect(_page_is_served(), boxship("ps", "-a"))


def _page_is_served() -> bool:
    with urllib.request.urlopen(f"http://127.0.0.1:{_PORT}/passwd", timeout=30) as answer:
        return b"root:x:0:0" in answer.read()


def remember_web() -> int:
    """Return the process of the container that must outlive the daemon."""
    return kit.pid_of("web")


def web_is_unharmed(pid: int) -> None:
    """Raise AssertionError unless the container of ``remember_web`` goes on and obeys."""
    equal(kit.pid_of("web"), pid)
    expect(_page_is_served(), boxship("ps", "-a"))
    equal(boxship("exec", "web", "echo", "here"), "here")
    boxship("pause", "web")
    boxship("unpause", "web")
    boxship("stats", "--no-stream", "web")


def last_container_is_removed() -> None:
    boxship("rm", "-f", "web")
    equal(boxship("ps", "-aq"), "")


BEFORE_RESTART = (
    run_removes_its_container,
    limits_are_set_in_the_kernel,
    devices_are_filtered,
    control_group_namespace_is_private,
    exec_and_top_see_the_processes,
    stats_are_sensible,
    pause_freezes,
    update_changes_limits,
    stop_start_kill_and_rm,
    out_of_memory_is_noticed,
    too_many_processes_are_refused,
    privileged_owns_its_groups,
    runc_works_too,
    port_is_published_on_loopback,
)
