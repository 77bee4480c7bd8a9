"""A real boxshipd process with roots of its own, and the check that it leaves nothing behind."""

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tests.support import http, isolation

_READY_SECONDS = 30.0
_GONE_SECONDS = 10.0


class Daemon:
    """boxshipd below one scratch directory; may be killed and started again.

    config: what daemon.json holds. args: further flags.
    """

    def __init__(
        self,
        scratch: Path,
        *,
        config: Mapping[str, object] | None = None,
        args: Iterable[str] = (),
        env: Mapping[str, str] | None = None,
    ) -> None:
        scratch.mkdir(parents=True, exist_ok=True)
        self.scratch = scratch
        self.data_root = scratch / "data"
        self.exec_root = scratch / "exec"
        self.socket = scratch / "boxship.sock"
        self.pidfile = scratch / "boxship.pid"
        self.config_file = scratch / "daemon.json"
        self.log_file = scratch / "daemon.log"
        self.cgroup_parent = f"{isolation.CGROUP_PARENT}/{scratch.name}"
        self.args = list(args)
        self.env = {**os.environ, **(env or {})}
        self.process: subprocess.Popen[bytes] | None = None
        self._found: set[str] | None = None
        self.configure(config or {})

    @property
    def host(self) -> str:
        """What ``-H`` takes."""
        return f"unix://{self.socket}"

    @property
    def pid(self) -> int:
        """The running process."""
        assert self.process is not None
        return self.process.pid

    @property
    def log(self) -> str:
        """What the daemon has logged so far."""
        return self.log_file.read_text() if self.log_file.exists() else ""

    def configure(self, config: Mapping[str, object]) -> None:
        """Write daemon.json; read at the next start or SIGHUP."""
        self.config_file.write_text(json.dumps(config))

    def command(self) -> list[str]:
        """The command line, without ``--ready-fd``."""
        return [
            sys.executable,
            "-m",
            "boxship.entrypoints.daemon",
            f"--data-root={self.data_root}",
            f"--exec-root={self.exec_root}",
            f"--pidfile={self.pidfile}",
            f"--config-file={self.config_file}",
            f"--host={self.host}",
            f"--cgroup-parent={self.cgroup_parent}",
            "--debug",
            *self.args,
        ]

    def start(self) -> None:
        """Start the process and wait until it listens."""
        if self._found is None:
            self._found = {*links(), *firewall_tables()}
        reader, writer = os.pipe()
        with self.log_file.open("ab") as log:
            self.process = subprocess.Popen(
                [*self.command(), "--ready-fd", str(writer)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=(writer,),
                env=self.env,
            )
        os.close(writer)
        try:
            ready, _, _ = select.select([reader], [], [], _READY_SECONDS)
            answer = os.read(reader, 2) if ready else b""
        finally:
            os.close(reader)
        if not answer:
            self.kill()
            raise AssertionError(f"boxshipd did not come up:\n{self.log[-4000:]}")

    def stop(self) -> int:
        """End it with SIGTERM (containers live on); return its exit status."""
        return self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it with SIGKILL."""
        self._end(signal.SIGKILL)

    def _end(self, number: signal.Signals) -> int:
        if self.process is None:
            return 0
        process, self.process = self.process, None
        process.send_signal(number)
        return process.wait(30)

    def restart(self) -> None:
        """Stop and start."""
        self.stop()
        self.start()

    def request(
        self, method: str, target: str, body: object = None, headers: dict[str, str] | None = None
    ) -> tuple[int, Any]:
        """One API exchange: status and body."""
        return http.request(self.socket, method, target, body, headers)

    def get(self, target: str) -> Any:
        """GET that must answer 200."""
        status, body = self.request("GET", target)
        assert status == 200, (status, body)
        return body

    def destroy(self) -> None:
        """Remove all containers, end the daemon, and check that nothing is left behind."""
        if self.process is None or self.process.poll() is not None:
            self.start()
        for container in self.get("/containers/json?all=1"):
            self.request("DELETE", f"/containers/{container['Id']}?force=1&v=1")
        for network in self.get("/networks"):
            if network["Name"] not in ("bridge", "host", "none"):
                self.request("DELETE", f"/networks/{network['Id']}")
        status = self.stop()
        leaks = self.wait_for_leaks()
        self._remove_leaks()
        assert status == 0, f"boxshipd ended with {status}:\n{self.log[-4000:]}"
        assert not leaks, f"left behind: {leaks}\n{self.log[-4000:]}"

    def _remove_leaks(self) -> None:
        """So that no later daemon meets them: also the default bridge, which stays by design."""
        for pid in self.processes():
            os.kill(pid, signal.SIGKILL)
        isolation.remove_cgroups(self.cgroup_parent)
        for table in self._made(firewall_tables()):
            subprocess.run(["nft", "delete", *table.split()], check=True)
        for name in self._made(links()):
            if name.startswith(("docker", "boxship", "br-", "veth")):
                subprocess.run(["ip", "link", "del", name], capture_output=True)

    def _made(self, names: list[str]) -> list[str]:
        """Those that were not there before this daemon's first start."""
        return [name for name in names if name not in (self._found or ())]

    def wait_for_leaks(self) -> list[str]:
        """What is left of this daemon, after a moment in which the kernel may finish removals."""
        deadline = time.monotonic() + _GONE_SECONDS
        while True:
            leaks = self.leaks()
            if not leaks or time.monotonic() > deadline:
                return leaks
            time.sleep(0.02)  # a veth dies some time after its namespace, without an event

    def leaks(self) -> list[str]:
        """Processes, mounts, links, firewall tables and control groups of this daemon's making."""
        found = [f"process {pid}: {_command_line(pid)}" for pid in self.processes()]
        found += [f"mount {point}" for point in self.mounts()]
        found += [f"nftables {table}" for table in self._made(firewall_tables())]
        made = self._made(links())
        found += [f"link {name}" for name in made if name.startswith(("veth", "br-"))]
        tops = isolation.cgroup_directories(self.cgroup_parent)
        found += [f"cgroup {path}" for top in tops for path in _below(top)]
        return found

    def processes(self) -> list[int]:
        """Processes whose command line names our scratch directory (conmon, helpers)."""
        mark = str(self.scratch)
        numbers = (int(name) for name in os.listdir("/proc") if name.isdigit())
        return [pid for pid in numbers if pid != os.getpid() and mark in _command_line(pid)]

    def mounts(self) -> list[str]:
        """Mount points below our roots."""
        lines = Path("/proc/self/mountinfo").read_text().splitlines()
        points = (line.split()[4] for line in lines)
        return [point for point in points if point.startswith(f"{self.scratch}/")]


def firewall_tables() -> list[str]:
    """The nftables tables of this network namespace."""
    listed = subprocess.run(["nft", "list", "tables"], capture_output=True, text=True, check=True)
    return listed.stdout.splitlines()


def links() -> list[str]:
    """The network interfaces of this network namespace."""
    return sorted(os.listdir("/sys/class/net"))


def _below(top: Path) -> list[Path]:
    return [path for path in top.rglob("*") if path.is_dir()]


def _command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""
