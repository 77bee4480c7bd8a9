"""Containers from creation to removal, with real crun and conmon."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from boxship.engine.runtime.errors import CommandNotExecutableError, CommandNotFoundError
from boxship.engine.runtime.service import RuntimeService
from boxship.engine.runtime.task import AttachRequest
from boxship.engine.runtime.workload import (
    Device,
    Mount,
    Namespaces,
    Resources,
    Security,
    Ulimit,
)
from boxship.errors import InvalidParameterError, NotFoundError
from boxship.linux import mount, pidfd
from boxship.linux.namespaces import private_mounts
from boxship.linux.spawn import Spawner

from .conftest import Client, Machine


async def test_output_and_exit_status(machine: Machine) -> None:
    ended, streams = await machine.run("sh", "-c", "echo out; echo err >&2; exit 7")
    assert ended.exit_code == 7
    assert streams == {1: b"out\n", 2: b"err\n"}
    assert not ended.oom_killed
    assert ended.reason == ""


async def test_killed_by_signal(machine: Machine) -> None:
    spec = machine.spec()
    await machine.begin(spec, "sleep", "1000")
    machine.service.signal(spec.id, signal.SIGKILL)
    ended = await machine.service.wait_exit(spec.id)
    assert ended.exit_code == 137


async def test_nothing_is_left(machine: Machine) -> None:
    spec = machine.spec()
    await machine.begin(spec, "sleep", "1000")
    group = machine.service.host.hierarchies.directory(f"/boxship/{spec.id}", "pids")
    assert group is not None
    assert group.exists()
    await machine.service.delete(spec.id)
    assert not group.exists()
    assert not (machine.config.exec_root / "runtimes" / "crun" / spec.id).exists()
    await machine.service.delete(spec.id)
    with pytest.raises(NotFoundError):
        machine.service.signal(spec.id, 15)


async def test_created_but_never_started(machine: Machine) -> None:
    spec = machine.spec()
    handle = await machine.service.create(spec, machine.workload(spec, "true"))
    await machine.service.delete(spec.id)
    assert not Path(f"/proc/{handle.pid}").exists()
    assert not Path(f"/proc/{handle.conmon_pid}").exists()


async def test_default_confinement(machine: Machine) -> None:
    script = "grep -E '^(CapEff|CapBnd|CapPrm|Seccomp|NoNewPrivs):' /proc/self/status; mount"
    ended, streams = await machine.run("sh", "-c", script)
    assert ended.exit_code == 0
    text = streams[1].decode()
    assert text.count("00000000a80425fb") == 3  # Docker's fourteen
    assert "Seccomp:\t2" in text
    assert "NoNewPrivs:\t0" in text
    assert "sysfs on /sys type sysfs (ro" in text
    assert "proc on /proc/sys type proc (ro" in text


async def test_second_container_takes_the_compiled_filter(machine: Machine) -> None:
    for _ in range(2):
        _, streams = await machine.run("grep", "Seccomp:", "/proc/self/status")
        assert streams[1] == b"Seccomp:\t2\n"
    assert len(list((machine.config.exec_root / "seccomp").iterdir())) == 1


async def test_privileged(machine: Machine) -> None:
    script = (
        "grep -E '^(CapEff|Seccomp):' /proc/self/status; test -e /dev/loop-control || true; mount"
    )
    _, streams = await machine.run("sh", "-c", script, security=Security(privileged=True))
    text = streams[1].decode()
    own = next(
        line for line in Path("/proc/self/status").read_text().splitlines() if "CapBnd" in line
    )
    assert own.split()[1] in text
    assert "Seccomp:\t0" in text
    assert "sysfs on /sys type sysfs (rw" in text


async def test_user_of_the_image(machine: Machine) -> None:
    _, streams = await machine.run(
        "sh", "-c", "id; grep CapEff /proc/self/status", process={"user": "user"}
    )
    text = streams[1].decode()
    assert "uid=1000(user) gid=1001(user) groups=50(staff)" in text or (
        "uid=1000(user) gid=1001(user)" in text and "50(staff)" in text
    )
    assert "CapEff:\t0000000000000000" in text


async def test_unknown_user(machine: Machine) -> None:
    with pytest.raises(InvalidParameterError, match="unable to find user nobody-here"):
        await machine.run("true", process={"user": "nobody-here"})


async def test_limits(machine: Machine) -> None:
    spec = machine.spec()
    resources = Resources(
        memory=64 << 20,
        nano_cpus=500_000_000,
        pids_limit=50,
        ulimits=(Ulimit(name="nofile", soft=100, hard=200),),
    )
    await machine.begin(spec, "sleep", "1000", resources=resources)
    stats = machine.service.stats(spec.id)
    assert stats.memory_limit == 64 << 20
    assert stats.pids_limit == 50
    assert stats.pids_current == 1
    assert stats.memory_usage > 0
    limits = Path(f"/proc/{machine.service.pids(spec.id)[0]}/limits").read_text()
    assert "100                  200" in limits
    await machine.service.update(spec.id, Resources(memory=128 << 20, pids_limit=60))
    changed = machine.service.stats(spec.id)
    assert changed.memory_limit == 128 << 20
    assert changed.pids_limit == 60


async def test_out_of_memory(machine: Machine) -> None:
    spec = machine.spec()
    await machine.begin(
        spec,
        "sh",
        "-c",
        "exec tail /dev/zero",
        resources=Resources(memory=16 << 20, memory_swap=16 << 20),
    )
    ended = await machine.service.wait_exit(spec.id)
    assert ended.exit_code == 137
    assert ended.oom_killed


async def test_pause(machine: Machine) -> None:
    spec = machine.spec()
    handle = await machine.begin(spec, "sleep", "1000")
    await machine.service.pause(spec.id)
    state = Path(f"/proc/{handle.pid}/status").read_text()
    assert "State:\tD" in state or "State:\tS" in state
    await machine.service.unpause(spec.id)
    await machine.service.pause(spec.id)
    await machine.service.delete(spec.id)
    assert not Path(f"/proc/{handle.pid}").exists()


async def test_devices_and_mounts(machine: Machine, base: Path) -> None:
    (base / "shared").mkdir()
    (base / "shared" / "file").write_text("from the host\n")
    _, streams = await machine.run(
        "sh",
        "-c",
        "cat /mnt/file; echo x > /mnt/file; ls -l /dev/other; cat /proc/sys/kernel/hostname",
        mounts=(
            Mount(
                type="bind",
                source=str(base / "shared"),
                destination="/mnt",
                options=("rbind", "ro"),
            ),
        ),
        resources=Resources(devices=(Device(host_path="/dev/null", container_path="/dev/other"),)),
    )
    assert streams[1].startswith(b"from the host\ncrw-rw-rw-")
    assert streams[1].endswith(b"box\n")
    assert b"Read-only file system" in streams[2]


async def test_init(machine: Machine) -> None:
    _, streams = await machine.run(
        "sh", "-c", "readlink /proc/1/exe", init_path="/usr/bin/tini-static"
    )
    assert streams[1] == b"/sbin/docker-init\n"


async def test_shared_pid_namespace(machine: Machine) -> None:
    first, second = machine.spec(), machine.spec()
    handle = await machine.begin(first, "sleep", "1000")
    await machine.begin(
        second,
        "sleep",
        "2000",
        namespaces=Namespaces(network="host", pid=f"/proc/{handle.pid}/ns/pid"),
    )
    code, output = await machine.exec(second.id, "ps")
    assert code == 0
    assert b"sleep 1000" in output
    assert b"sleep 2000" in output
    await machine.service.delete(second.id)
    assert Path(f"/proc/{handle.pid}").exists()


async def test_unknown_runtime(machine: Machine) -> None:
    with pytest.raises(InvalidParameterError, match="unknown or invalid runtime name: nope"):
        machine.service.check_runtime("nope")


async def test_runc(machine: Machine) -> None:
    spec = machine.spec(runtime="io.containerd.runc.v2")
    if not machine.service.host.hierarchies.is_hybrid:
        assert "runc" in machine.service.runtimes()
    await machine.begin(spec, "sh", "-c", "exit 3")
    assert (await machine.service.wait_exit(spec.id)).exit_code == 3
    await machine.service.delete(spec.id)
    assert not (machine.config.exec_root / "runtimes" / "runc" / spec.id).exists()


async def test_overlay_made_later(machine: Machine) -> None:
    """An overlay that the engine mounts after the service was opened is seen by the runtime."""
    root = machine.config.data_root
    for name in ("upper", "work", "merged"):
        (root / name).mkdir()
    options = f"lowerdir={machine.rootfs},upperdir={root}/upper,workdir={root}/work"
    mount.mount("overlay", root / "merged", "overlay", data=options)
    try:
        ended, _ = await machine.run("touch", "/made", rootfs=root / "merged")
        assert ended.exit_code == 0
        assert (root / "upper" / "made").exists()
    finally:
        mount.unmount(root / "merged")
    os.rmdir(root / "merged")


async def test_mount_that_does_not_propagate(machine: Machine, base: Path) -> None:
    (base / "outside").mkdir()
    await machine.run("true")
    mount.mount("tmpfs", base / "outside", "tmpfs")
    try:
        (base / "outside" / "file").write_text("seen")
        _, streams = await machine.run(
            "cat",
            "/mnt/file",
            mounts=(
                Mount(
                    type="bind",
                    source=str(base / "outside"),
                    destination="/mnt",
                    options=("rbind",),
                ),
            ),
        )
        assert streams[1] == b"seen"
    finally:
        mount.unmount(base / "outside")


async def test_conmon_killed(machine: Machine) -> None:
    spec = machine.spec()
    handle = await machine.begin(spec, "sleep", "1000")
    os.kill(handle.conmon_pid, signal.SIGKILL)
    ended = await machine.service.wait_exit(spec.id)
    assert ended.exit_code == 137
    assert "conmon" in ended.reason
    assert machine.service.pids(spec.id) == []


async def reopen(machine: Machine) -> None:
    """Exchange the service for a new one, as a restart of the engine does."""
    await machine.service.close()
    machine.service = RuntimeService(machine.config)
    await machine.service.open()


async def test_adopt_running(machine: Machine) -> None:
    spec = machine.spec()
    handle = await machine.begin(spec, "sleep", "1000")
    await reopen(machine)
    assert await machine.service.adopt(spec, handle) is None
    assert await machine.exec(spec.id, "echo", "again") == (0, b"again\n")
    machine.service.signal(spec.id, signal.SIGTERM)
    machine.service.signal(spec.id, signal.SIGKILL)
    assert (await machine.service.wait_exit(spec.id)).exit_code == 137


async def test_adopt_ended_meanwhile(machine: Machine) -> None:
    spec = machine.spec()
    handle = await machine.begin(spec, "sh", "-c", "exit 9")
    await machine.service.wait_exit(spec.id)
    await reopen(machine)
    ended = await machine.service.adopt(spec, handle)
    assert ended is not None
    assert ended.exit_code == 9


async def test_adopt_without_conmon(machine: Machine) -> None:
    spec = machine.spec()
    handle = await machine.begin(spec, "sleep", "1000")
    await machine.service.close()
    conmon = pidfd.open_process(handle.conmon_pid)
    pidfd.send_signal(conmon, signal.SIGKILL)
    await pidfd.wait_readable(conmon)
    os.close(conmon)
    machine.service = RuntimeService(machine.config)
    await machine.service.open()
    ended = await machine.service.adopt(spec, handle)
    assert ended is not None
    assert ended.exit_code == 137
    assert "conmon" in ended.reason
    await machine.service.delete(spec.id)
    assert not (machine.config.exec_root / "runtimes" / "crun" / spec.id).exists()


@pytest.mark.parametrize(
    ("command", "kind", "words"),
    [
        ("nothing-here", CommandNotFoundError, r"executable file not found in \$PATH"),
        ("/nothing/here", CommandNotFoundError, "no such file or directory"),
        ("/etc/passwd", CommandNotExecutableError, "permission denied.*no execute permission"),
        ("/etc", CommandNotExecutableError, "is a directory"),
        ("/bad-interpreter", CommandNotFoundError, "interpreter '/bin/bash' in the first line"),
        ("/crlf", CommandNotFoundError, "carriage return"),
        ("/text", CommandNotExecutableError, "exec format error: /text is neither"),
        ("/arm", CommandNotExecutableError, "exec format error: /arm is a program for linux/arm64"),
        ("/no-loader", CommandNotFoundError, "its loader /lib64/ld-linux-x86-64.so.2"),
        ("/dangling", CommandNotFoundError, "symbolic link to /gone"),
    ],
)
async def test_command_that_cannot_be_executed(
    machine: Machine, command: str, kind: type[Exception], words: str
) -> None:
    write = {
        "bad-interpreter": b"#!/bin/bash\necho hi\n",
        "crlf": b"#!/bin/sh\r\necho hi\r\n",
        "text": b"echo hi\n",
        "arm": _elf(183),
        "no-loader": Path("/bin/ls").read_bytes(),
    }
    for name, content in write.items():
        (machine.rootfs / name).write_bytes(content)
        (machine.rootfs / name).chmod(0o755)
    (machine.rootfs / "dangling").symlink_to("/gone")
    with pytest.raises(kind, match=words) as caught:
        await machine.run(command)
    assert "OCI runtime create failed" in str(caught.value)


def _elf(machine: int) -> bytes:
    head = bytearray(Path("/bin/busybox").read_bytes()[:4096])
    head[18:20] = machine.to_bytes(2, "little")
    return bytes(head)


async def test_failed_start_ends_attachments(machine: Machine) -> None:
    spec, client = machine.spec(), Client()
    attachment = machine.service.attach(spec.id, AttachRequest(), client)
    pumping = asyncio.create_task(attachment.run())
    with pytest.raises(CommandNotFoundError):
        await machine.begin(spec, "nothing-here")
    await pumping


async def test_nothing_is_written_below_a_hidden_cgroup_mount(machine: Machine) -> None:
    """crun takes any directory named ``unified`` for a hierarchy, the bare mount point too."""
    spec = machine.spec()
    await machine.begin(spec, "true")
    hierarchies = machine.service.host.hierarchies
    if hierarchies.is_hybrid and hierarchies.unified is not None:
        hidden = hierarchies.unified

        def uncover() -> None:
            private_mounts()
            mount.unmount(hidden)

        below = Spawner("below", uncover)
        assert not await below.call(lambda: (hidden / "boxship" / spec.id).exists())
        below.close()
