"""Getting the engine, and what it is made of."""

import json
import os
import re
import stat
from pathlib import Path

from tests.book.conftest import ClientProgram
from tests.support.certs import Authority
from tests.support.cli import Cli
from tests.support.daemon import Daemon
from tests.support.fixtures import StartDaemon
from tests.support.registry import free_port
from tests.support.waiting import wait_until


def test_version(boxship: Cli) -> None:
    """S008: the version in one line."""
    assert re.fullmatch(r"Boxship version \S+, build [0-9a-f]{7}", boxship("--version"))


def test_versions_of_both_sides(cli: Cli) -> None:
    """S010: client and server with their API versions."""
    text = cli("version")
    assert "Client" in text
    assert "Server" in text
    assert text.count("API version:") == 2
    assert "minimum version" in text
    shown = json.loads(cli("version", "--format", "{{json .}}"))
    assert shown["Client"]["ApiVersion"] <= shown["Server"]["ApiVersion"]


def test_info(cli: Cli, daemon: Daemon) -> None:
    """S009: the state of the engine and its host, without an empty row."""
    info = json.loads(cli("info", "--format", "{{json .}}"))
    assert info["DockerRootDir"] == str(daemon.data_root)
    assert info["NCPU"] == os.cpu_count()
    assert info["KernelVersion"] == os.uname().release
    assert "crun" in info["Runtimes"]
    text = cli("info")
    for word in ("Containers", "Images", "Server Version", "Storage Driver", "Cgroup Driver"):
        assert re.search(rf"^ *{word}: \S+", text, re.MULTILINE), word


def test_local_socket(daemon: Daemon) -> None:
    """S035: a unix socket for its owner, and the group where there is one."""
    status = daemon.socket.stat()
    assert stat.S_ISSOCK(status.st_mode)
    assert status.st_mode & 0o777 in (0o660, 0o600)
    assert status.st_uid == 0


def test_over_the_network(
    start_daemon: StartDaemon, authority: Authority, client_program: ClientProgram
) -> None:
    """S035: TCP with TLS on both sides; who has no certificate is refused."""
    server, client = authority.server(), authority.server("client", client=True)
    address = f"tcp://127.0.0.1:{free_port()}"
    trust = ["--tlsverify", f"--tlscacert={authority.root.cert_path}"]
    flags = [f"--tlscert={server.cert_path}", f"--tlskey={server.key_path}"]
    cli = client_program(start_daemon(args=[f"--host={address}", *trust, *flags]))
    remote = ["-H", address, *trust]
    own = [f"--tlscert={client.cert_path}", f"--tlskey={client.key_path}"]
    assert cli(*remote, *own, "ps", "-q") == ""
    assert cli.fails(*remote, "ps", "-q", code=1)


def test_one_shim_per_container(cli: Cli, daemon: Daemon, busybox: str) -> None:
    """S032 S033 S037 S038: client, daemon, shim, runtime; the shim outlives the other three."""
    cli("run", "-d", "--init", "--name", "ctr1", busybox, "sh", "-c", "echo up; exec sleep 900")
    (shim,) = (pid for pid in daemon.processes() if _program(pid) == "conmon")
    assert not [pid for pid in daemon.processes() if _program(pid) == "crun"]
    assert os.readlink(f"/proc/{shim}/exe") != os.readlink(f"/proc/{daemon.pid}/exe")
    main_process = int(cli("inspect", "-f", "{{.State.Pid}}", "ctr1"))
    assert _parent(main_process) == shim
    daemon.restart()
    assert shim in daemon.processes()
    assert cli("logs", "ctr1") == "up"
    assert cli("exec", "ctr1", "echo", "still") == "still"
    cli("rm", "ctr1", "-f")


def test_shims_are_small(cli: Cli, daemon: Daemon, busybox: str) -> None:
    """S039: a shim holds little memory of its own, however many there are."""
    names = ("ctr1", "ctr2", "ctr3")
    for name in names:
        cli("run", "-d", "--init", "--name", name, busybox, "sleep", "900")
    shims = [pid for pid in daemon.processes() if _program(pid) == "conmon"]
    assert len(shims) == len(names)
    assert max(_private_kib(pid) for pid in shims) < 600
    cli("rm", "-f", *names)


def test_what_happens_while_the_engine_is_away(
    cli: Cli, daemon: Daemon, busybox: str, scratch: Path
) -> None:
    """S038 S041: output and exit status of a container that ended meanwhile are there."""
    os.mkfifo(scratch / "go")
    command = "echo before; read word < /mnt/go; echo $word; exit 3"
    cli("run", "-d", "--name", "ctr1", "-v", f"{scratch}:/mnt", busybox, "sh", "-c", command)
    (shim,) = (pid for pid in daemon.processes() if _program(pid) == "conmon")
    daemon.kill()
    (scratch / "go").write_text("meanwhile\n")
    wait_until(lambda: shim not in daemon.processes())
    daemon.start()
    assert cli("wait", "ctr1") == "3"
    assert cli("logs", "ctr1") == "before\nmeanwhile"
    assert "Exited (3)" in cli("ps", "-a")
    cli("rm", "ctr1")


def test_input_after_the_engine_was_away(cli: Cli, daemon: Daemon, busybox: str) -> None:
    """S041: the shim keeps the input open: one attaches again as if nothing had happened."""
    cli("run", "-di", "--init", "--name", "ctr1", busybox, "cat")
    daemon.kill()
    daemon.start()
    with cli.start("attach", "ctr1") as attached:
        assert attached.stdin is not None
        assert attached.stdout is not None
        attached.stdin.write(b"heard\n")
        attached.stdin.flush()
        assert attached.stdout.readline() == b"heard\n"
        attached.kill()
    cli("rm", "-f", "ctr1")


def test_lifecycle_verbs(daemon: Daemon, busybox: str) -> None:
    """S036: containers are created, read, changed, started, stopped and deleted over one API."""
    body = {"Image": busybox, "Cmd": ["sleep", "900"], "HostConfig": {"Init": True}}
    status, created = daemon.request("POST", "/containers/create?name=ctr1", body)
    assert status == 201
    path = f"/containers/{created['Id']}"
    assert daemon.request("POST", f"{path}/start")[0] == 204
    assert daemon.get(f"{path}/json")["State"]["Running"] is True
    assert daemon.request("POST", f"{path}/update", {"Memory": 64 << 20})[0] == 200
    assert daemon.get(f"{path}/json")["HostConfig"]["Memory"] == 64 << 20
    assert daemon.request("POST", f"{path}/stop")[0] == 204
    assert daemon.request("POST", f"{path}/stop")[0] == 304
    assert daemon.request("DELETE", path)[0] == 204
    assert daemon.request("GET", f"{path}/json")[0] == 404


def test_another_runtime(cli: Cli, busybox: str) -> None:
    """S034 S040: the runtime is chosen by name, those of containerd included."""
    for runtime in ("crun", "io.containerd.runc.v2"):
        assert cli("run", "--rm", "--runtime", runtime, busybox, "echo", "ok") == "ok"
    assert "unknown or invalid runtime name: nope" in cli.fails(
        "run", "--rm", "--runtime", "nope", busybox, "true", code=125
    )


def test_a_runtime_of_ones_own(
    start_daemon: StartDaemon, client_program: ClientProgram, scratch: Path
) -> None:
    """S033 S034 S040: daemon.json names programs that take the runtime's place."""
    program = scratch / "my-runtime"
    program.write_text(f'#!/bin/sh\necho "$*" >>{scratch}/calls\nexec crun "$@"\n')
    program.chmod(0o755)
    config = {"runtimes": {"mine": {"path": str(program)}}, "default-runtime": "mine"}
    cli = client_program(start_daemon(config=config))
    assert cli("run", "--rm", "busybox", "echo", "ok") == "ok"
    calls = (scratch / "calls").read_text()
    assert " create " in calls
    assert " start " in calls
    assert json.loads(cli("info", "-f", "{{json .}}"))["DefaultRuntime"] == "mine"


def test_exposed_and_removed(cli: Cli, web_image: str) -> None:
    """S042 S043: an exposed port shows in PORTS; rm -f after the operand removes."""
    cli("run", "-d", "--init", "--name", "ctr1", web_image)
    assert cli("ps", "--format", "{{.Names}} {{.Ports}}") == "ctr1 8080/tcp"
    assert cli("rm", "ctr1", "-f") == "ctr1"


def _program(pid: int) -> str:
    return Path(f"/proc/{pid}/comm").read_text().strip()


def _parent(pid: int) -> int:
    """The parent of a process (field 4 of proc_pid_stat(5))."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()[1])


def _private_kib(pid: int) -> int:
    """The memory that would be free if the process were not (proc(5), smaps)."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return sum(int(kib) for kib in re.findall(r"^Private_\w+: +(\d+) kB", text, re.MULTILINE))
