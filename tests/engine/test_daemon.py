"""The daemon program on the real machine: start, reload, refusal, end."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.certs import Authority
from tests.support.daemon import Daemon
from tests.support.fixtures import docker_programs

StartDaemon = Callable[..., Daemon]


def wait_for_log(daemon: Daemon, text: str) -> str:
    """Wait until the daemon has logged ``text``."""
    deadline = time.monotonic() + 10
    while text not in daemon.log:
        assert time.monotonic() < deadline, f"not logged: {text}\n{daemon.log[-2000:]}"
        time.sleep(0.01)  # a log file has no event
    return daemon.log


def docker(daemon: Daemon, *arguments: str) -> str:
    command = [str(docker_programs()[-1]), "-H", daemon.host, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_stock_client_sees_version_and_info(start_daemon: StartDaemon) -> None:
    daemon = start_daemon()
    version = docker(daemon, "version", "--format", "{{json .Server}}")
    assert json.loads(version)["Components"][0]["Name"] == "Engine"
    info = docker(daemon, "info")
    server = info[info.index("Server:") :].splitlines()[1:]
    headings = {"Plugins", "Security Options", "Labels", "Insecure Registries", "Registry Mirrors"}
    rows = [line.partition(":") for line in server]
    empty = [name for name, colon, value in rows if colon and not value.strip()]
    assert {name.strip() for name in empty} <= headings
    assert f" Docker Root Dir: {daemon.data_root}" in server


def test_a_reload_applies_what_it_can(start_daemon: StartDaemon) -> None:
    daemon = start_daemon(config={"labels": ["a=1"]})
    daemon.configure({"labels": ["a=2"], "mtu": 1400, "registry-mirrors": ["http://127.0.0.1:9"]})
    os.kill(daemon.pid, signal.SIGHUP)
    log = wait_for_log(daemon, "need a restart of the daemon: mtu")
    assert "Reloaded configuration: labels, registry-mirrors" in log
    info = daemon.get("/info")
    assert info["Labels"] == ["a=2"]
    assert info["RegistryConfig"]["Mirrors"] == ["http://127.0.0.1:9/"]
    until = f"{time.time():.9f}"
    events = docker(daemon, "events", "--since=1h", "--until", until, "--format={{json .}}")
    event = json.loads(events.splitlines()[-1])
    assert (event["Type"], event["Action"]) == ("daemon", "reload")
    assert event["Actor"]["Attributes"]["labels"] == '["a=2"]'
    daemon.configure({"log-level": "loud"})
    os.kill(daemon.pid, signal.SIGHUP)
    wait_for_log(daemon, "Could not reload the configuration: invalid logging level: loud")
    assert daemon.get("/info")["Labels"] == ["a=2"]


def test_a_second_daemon_is_refused_with_the_pid_of_the_first(start_daemon: StartDaemon) -> None:
    daemon = start_daemon()
    done = subprocess.run(daemon.command(), capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 1
    assert f"pid {daemon.pid}" in done.stderr
    assert daemon.get("/version")["Version"]


def test_a_killed_daemon_s_socket_is_replaced(start_daemon: StartDaemon) -> None:
    daemon = start_daemon()
    daemon.kill()
    assert daemon.socket.is_socket()
    daemon.start()
    assert daemon.get("/version")["Version"]


def test_sigterm_ends_it_and_tidies_up(start_daemon: StartDaemon) -> None:
    daemon = start_daemon()
    assert daemon.pidfile.read_text() == f"{daemon.pid}\n"
    with socket.socket(socket.AF_UNIX) as follower:
        follower.connect(str(daemon.socket))
        follower.sendall(b"GET /events HTTP/1.1\r\nHost: x\r\n\r\n")
        assert follower.recv(4096).startswith(b"HTTP/1.1 200 OK")
        assert daemon.stop() == 0
    assert not daemon.socket.exists()
    assert not daemon.pidfile.exists()
    daemon.start()


def test_sigusr1_logs_what_it_does(start_daemon: StartDaemon) -> None:
    daemon = start_daemon()
    os.kill(daemon.pid, signal.SIGUSR1)
    assert "Daemon" in wait_for_log(daemon, "Stacks of all tasks")


def test_metrics(start_daemon: StartDaemon) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    daemon = start_daemon(args=[f"--metrics-addr=127.0.0.1:{port}"])
    daemon.get("/version")
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    assert 'engine_daemon_container_states_containers{state="running"} 0' in text
    assert 'boxship_api_requests_total{operation="SystemVersion",code="200"} 1' in text


def test_tcp_with_mutual_tls(
    start_daemon: StartDaemon, authority: Authority, scratch: Path
) -> None:
    server, client = authority.server(), authority.server("client", client=True)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    start_daemon(
        args=[
            f"--host=tcp://127.0.0.1:{port}",
            "--tlsverify",
            f"--tlscacert={authority.root.cert_path}",
            f"--tlscert={server.cert_path}",
            f"--tlskey={server.key_path}",
        ]
    )
    base = [str(docker_programs()[-1]), "-H", f"tcp://127.0.0.1:{port}", "--tlsverify"]
    trust = [f"--tlscacert={authority.root.cert_path}"]
    own = [f"--tlscert={client.cert_path}", f"--tlskey={client.key_path}"]
    env = {**os.environ, "DOCKER_CONFIG": str(scratch)}
    good = subprocess.run(
        [*base, *trust, *own, "version"], capture_output=True, text=True, env=env, check=False
    )
    assert good.returncode == 0, good.stderr
    bad = subprocess.run(
        [*base, *trust, "version"], capture_output=True, text=True, env=env, check=False
    )
    assert bad.returncode != 0


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["--validate"], 0, "configuration OK"),
        (["--nope"], 125, "unknown flag: --nope"),
        (["--log-level=loud"], 1, "invalid logging level: loud"),
        (["-H", "tcp://0.0.0.0:0"], 1, "root on this machine"),
    ],
)
def test_refusals(scratch: Path, arguments: list[str], status: int, message: str) -> None:
    command = [sys.executable, "-m", "boxship.entrypoints.daemon"]
    roots = [f"--data-root={scratch}/d", f"--exec-root={scratch}/e"]
    done = subprocess.run(
        [*command, *roots, *arguments], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == status, done.stderr
    assert message in done.stderr
