"""The stock docker client, unmodified: what people type, and what they see."""

import json
import re
import time
import urllib.request
from collections.abc import Iterator

import pytest

from tests.support.cli import Cli
from tests.support.registry import Registry, push_image

ID = re.compile(r"[0-9a-f]{64}")
PAGE = "mkdir /www && echo hello > /www/index.html && exec httpd -f -p 80 -h /www"


@pytest.fixture
def page(docker: Cli, busybox: str) -> Iterator[str]:
    """A container that serves a page; its name."""
    docker(
        "run", "-d", "--init", "--name", "page", "-p", "127.0.0.1::80", busybox, "sh", "-c", PAGE
    )
    yield "page"
    docker.run("rm", "-f", "page")


def test_version_and_info(docker: Cli) -> None:
    assert docker("version", "--format", "{{.Server.Os}}") == "linux"
    lines = docker("info").splitlines()
    values = dict(line.strip().split(": ", 1) for line in lines if ": " in line)
    assert values["Operating System"]
    assert int(values["CPUs"]) > 0
    assert "" not in values.values()


def test_pull_tag_and_remove_an_image(docker: Cli, registry: Registry) -> None:
    name = str(push_image(registry, "app:v1"))
    out = docker("pull", name)
    assert "Pulling from app" in out
    assert f"Status: Downloaded newer image for {name}" in out
    assert f"Status: Image is up to date for {name}" in docker("pull", name)
    docker("tag", name, "mine:v2")
    rows = docker("images", "--format", "{{.Repository}}:{{.Tag}}").splitlines()
    assert {name, "mine:v2"} <= set(rows)
    assert "Untagged: mine:v2" in docker("rmi", "mine:v2")
    docker("rmi", name)
    assert "No such image" in docker.fails("inspect", "--type", "image", name)


def test_an_image_that_is_not_there(docker: Cli, registry: Registry) -> None:
    assert "not found" in docker.fails("pull", f"{registry.host}/nothing:v0")
    message = docker.fails("run", "--rm", f"{registry.host}/nothing:v0", code=125)
    assert "Unable to find image" in message


def test_a_published_port_answers(docker: Cli, page: str) -> None:
    address = docker("port", page, "80")
    with urllib.request.urlopen(f"http://{address}/", timeout=10) as answer:
        assert answer.read() == b"hello\n"
    row = json.loads(docker("ps", "--filter", f"name={page}", "--format", "{{json .}}"))
    assert row["Ports"] == f"{address}->80/tcp"
    assert row["Status"].startswith("Up ")


def test_run_returns_output_and_exit_status(docker: Cli, busybox: str) -> None:
    assert docker("run", "--rm", busybox, "echo", "hi") == "hi"
    assert docker("run", "--rm", "-i", busybox, "cat", stdin="typed") == "typed"
    assert docker.run("run", "--rm", busybox, "sh", "-c", "exit 7").returncode == 7
    docker.fails("run", "--rm", busybox, "no-such-program", code=127)
    docker.fails("run", "--rm", busybox, "/etc/passwd", code=126)


def test_logs_exec_inspect(docker: Cli, page: str, busybox: str) -> None:
    assert docker("exec", page, "hostname")
    assert docker("exec", "-i", page, "cat", stdin="in") == "in"
    assert docker.run("exec", page, "false").returncode == 1
    assert docker("inspect", "-f", "{{.State.Status}}", page) == "running"
    docker("run", "--name", "talk", busybox, "sh", "-c", "echo one; echo two >&2")
    done = docker.run("logs", "talk")
    assert (done.stdout, done.stderr) == ("one\n", "two\n")
    assert docker("logs", "-f", "--tail", "1", "talk") in ("one", "")
    docker("rm", "talk")


def test_stop_start_restart_remove(docker: Cli, busybox: str) -> None:
    assert ID.fullmatch(docker("run", "-d", "--init", "--name", "life", busybox, "sleep", "900"))
    first = docker("inspect", "-f", "{{.State.Pid}}", "life")
    assert docker("restart", "life") == "life"
    assert docker("inspect", "-f", "{{.State.Pid}}", "life") != first
    assert docker("stop", "life") == "life"
    assert docker("inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", "life") == "exited 143"
    docker("start", "life")
    assert "cannot remove" in docker.fails("rm", "life")
    assert docker("rm", "-f", "life") == "life"
    assert "No such container" in docker.fails("rm", "life")


def test_a_name_in_use(docker: Cli, page: str, busybox: str) -> None:
    message = docker.fails("run", "--name", page, busybox, "true", code=125)
    assert f'The container name "/{page}" is already in use by container' in message


def test_events(docker: Cli, busybox: str) -> None:
    docker("run", "--rm", "--name", "seen", busybox, "true")
    until = str(int(time.time()) + 1)  # the client cuts durations to seconds: "0s" is too early
    stream = docker("events", "--since", "1m", "--until", until, "--filter", "container=seen")
    actions = [line.split()[2] for line in stream.splitlines() if " container " in line]
    assert actions[:3] == ["create", "attach", "start"]
    assert actions[-2:] == ["die", "destroy"]


def test_a_terminal_can_be_detached_and_taken_again(docker: Cli, busybox: str) -> None:
    with docker.terminal("run", "-it", "--name", "term", busybox, "sh") as terminal:
        terminal.expect("#")
        terminal.send("echo $((40 + 2))\n")
        terminal.expect("42\r\n")
        terminal.send("\x10\x11")
        assert terminal.wait() == 0
    assert docker("inspect", "-f", "{{.State.Running}}", "term") == "true"
    with docker.terminal("attach", "term") as terminal:
        terminal.send("exit 3\n")
        assert terminal.wait() == 3
    docker("rm", "term")
    assert "term" not in docker("ps", "-a", "--format", "{{.Names}}").splitlines()


def test_exec_with_a_terminal(docker: Cli, page: str) -> None:
    with docker.terminal("exec", "-it", page, "sh", rows=30, columns=100) as terminal:
        terminal.send("until [ \"$(stty size)\" = '30 100' ]; do usleep 9000; done; echo si''zed\n")
        terminal.expect("sized\r\n")
        terminal.send("exit\n")
        assert terminal.wait() == 0
