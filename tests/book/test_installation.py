"""Installing on a machine: the commands, the service, and who may use the socket."""

import os
import re
import shutil
import stat
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from boxship.linux import mount
from tests.support import isolation

_ROOT = Path(__file__).resolve().parents[2]
_SOCKET = Path("/run/boxship/boxship.sock")
_NOBODY = 65534


@dataclass
class Machine:
    """A machine with an /etc of its own, on which Boxship is installed."""

    prefix: Path

    def service(self, verb: str) -> subprocess.CompletedProcess[str]:
        """``service boxship VERB``."""
        return _run("service", "boxship", verb)

    def boxship(
        self, *args: str, user: int = 0, groups: tuple[int, ...] = ()
    ) -> subprocess.CompletedProcess[str]:
        """Run the installed command as somebody."""
        return subprocess.run(
            [self.prefix / "bin/boxship", *args],
            user=user,
            group=user,
            extra_groups=groups,
            env={"PATH": "/usr/bin", "HOME": "/nonexistent", "BOXSHIP_AUTOSTART": "0"},
            cwd="/",
            capture_output=True,
            text=True,
        )


@pytest.fixture(scope="module")
def machine(scratch_root: Path) -> Iterator[Machine]:
    """`make install` below a prefix; /etc is a copy that only this run sees."""
    directory = scratch_root / "machine"
    shutil.copytree("/etc", directory / "etc", symlinks=True)
    mount.mount(str(directory / "etc"), "/etc", "", mount.MS_BIND)
    prefix = directory / "usr"
    # The package index is reached from the network that the run has left.
    outside = f"--net=/proc/{os.getppid()}/ns/net"
    installing = ["nsenter", outside, str(_ROOT / "packaging/install.sh")]
    subprocess.run(installing, env={**os.environ, "PREFIX": str(prefix)}, check=True)
    roots = f"--data-root={directory}/data --exec-root={directory}/exec --bridge=none"
    group = f"--cgroup-parent={isolation.CGROUP_PARENT}/machine"
    Path("/etc/default/boxship").write_text(
        f'OPTIONS="{roots} {group}"\nPIDFILE={directory}/pid\nLOGFILE={directory}/log\n'
    )
    yield Machine(prefix)
    _run("service", "boxship", "stop")
    mount.unmount("/etc")
    shutil.rmtree(directory)


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True)


def test_the_commands_are_installed(machine: Machine) -> None:
    """S011: one installation gives the command and the daemon, apart from the sources."""
    assert machine.boxship("--version", user=_NOBODY).stdout.startswith("Boxship version ")
    for name in ("boxship", "boxshipd"):
        text = (machine.prefix / "bin" / name).read_text()
        added = re.findall(r"""^sys\.path\.append\(['"](.+)['"]\)$""", text, re.MULTILINE)
        assert added == [str(machine.prefix / "lib/boxship/packages")]
    assert "configuration OK" in _run(str(machine.prefix / "bin/boxshipd"), "--validate").stderr


def test_the_service(machine: Machine) -> None:
    """S013: `service boxship` starts, says how it is, reloads and stops."""
    assert machine.service("status").returncode == 3
    started = machine.service("start")
    assert started.returncode == 0, started.stdout + started.stderr
    running = machine.service("status")
    assert (running.returncode, "is running" in running.stdout) == (0, True)
    pid = _daemon_pid(machine)
    assert machine.service("start").returncode == 0
    assert machine.service("reload").returncode == 0
    assert _daemon_pid(machine) == pid
    assert machine.service("restart").returncode == 0
    assert _daemon_pid(machine) != pid
    assert machine.service("stop").returncode == 0
    stopped = machine.service("status")
    assert (stopped.returncode, "is not running" in stopped.stdout) == (3, True)
    assert machine.service("stop").returncode == 0


def test_members_of_the_group_need_no_sudo(machine: Machine) -> None:
    """S012: the socket is root's and the group's; a member uses the command, others do not."""
    assert machine.service("start").returncode == 0
    status = _SOCKET.stat()
    assert stat.filemode(status.st_mode) == "srw-rw----"
    assert (status.st_uid, status.st_gid) == (0, _group_id("boxship"))
    member = machine.boxship("ps", "-q", user=_NOBODY, groups=(status.st_gid,))
    assert (member.returncode, member.stdout) == (0, ""), member.stderr
    other = machine.boxship("ps", "-q", user=_NOBODY)
    assert other.returncode == 1
    assert "permission denied" in other.stderr
    assert machine.service("stop").returncode == 0


def test_one_daemon_per_host(machine: Machine) -> None:
    """S011: a second daemon on the same data is refused, and told of the first."""
    assert machine.service("start").returncode == 0
    roots = [f"--data-root={machine.prefix.parent}/data", "--exec-root=/run/boxship-second"]
    second = _run(str(machine.prefix / "bin/boxshipd"), *roots, "-H", "unix:///run/second.sock")
    assert second.returncode != 0
    assert str(_daemon_pid(machine)) in second.stderr
    assert machine.service("stop").returncode == 0


def _daemon_pid(machine: Machine) -> int:
    return int((machine.prefix.parent / "pid").read_text())


def _group_id(name: str) -> int:
    """Of the copied /etc/group, which this process may not have read before."""
    lines = Path("/etc/group").read_text().splitlines()
    return next(int(line.split(":")[2]) for line in lines if line.startswith(f"{name}:"))
