"""Containers: starting, looking into, stopping, restarting."""

import json
import os
import re

from tests.support.cli import Cli
from tests.support.daemon import Daemon


def test_run_pulls_what_is_missing(boxship: Cli, web_image: str) -> None:
    """S081: the image is looked for, pulled, and the container's id printed."""
    boxship.run("rmi", "-f", web_image)
    done = boxship.run("run", "-d", "--init", "--name", "w1", "-p", "127.0.0.1::8080", web_image)
    assert f"Unable to find image '{web_image}' locally" in done.stderr
    assert re.fullmatch(r"[0-9a-f]{64}\n", done.stdout)
    boxship("rm", "-f", "w1")


def test_independent_writable_layers(boxship: Cli, busybox: str) -> None:
    """S082: containers of one image do not see each other's changes."""
    for name in ("one", "two"):
        boxship("run", "-d", "--init", "--name", name, busybox, "sleep", "900")
    boxship("exec", "one", "touch", "/mark")
    assert boxship.run("exec", "two", "ls", "/mark").returncode == 1
    boxship("rm", "-f", "one", "two")


def test_three_ways_to_start_an_app(boxship: Cli, busybox: str, web_image: str) -> None:
    """S083 S084 S085: arguments replace CMD, follow ENTRYPOINT; --entrypoint replaces that."""
    assert boxship("run", "--rm", busybox, "echo", "instead") == "instead"
    entry = boxship("inspect", web_image, "--format", "{{json .Config.Entrypoint}}")
    assert json.loads(entry) == ["sh", "./app.sh"]
    assert boxship("run", "--rm", "--entrypoint", "echo", web_image, "a", "b") == "a b"


def test_removed_when_it_ends(boxship: Cli, daemon: Daemon, busybox: str) -> None:
    """S086: --rm with -d."""
    container = boxship("run", "--rm", "-d", busybox, "true")
    daemon.request("POST", f"/containers/{container}/wait?condition=removed")
    assert container not in boxship("ps", "-aq", "--no-trunc").split()


def test_remote_exec(boxship: Cli, webserver: str) -> None:
    """S087 S088 S094 S099: output and exit status come back; the main process stays."""
    assert "app.sh" in boxship("exec", webserver, "ps")
    assert boxship("exec", webserver, "cat", "views/home.txt") == "home page"
    assert boxship.run("exec", webserver, "sh", "-c", "exit 5").returncode == 5
    assert boxship("inspect", "-f", "{{.State.Status}}", webserver) == "running"


def test_inspect(boxship: Cli, webserver: str, web_image: str) -> None:
    """S089: what an inspected container shows."""
    (shown,) = json.loads(boxship("inspect", webserver))
    assert shown["State"]["Status"] == "running"
    assert shown["Name"] == "/webserver"
    assert shown["HostConfig"]["PortBindings"]["8080/tcp"][0]["HostIp"] == "127.0.0.1"
    assert shown["HostConfig"]["RestartPolicy"] == {"Name": "no", "MaximumRetryCount": 0}
    assert shown["Config"]["Image"] == web_image
    assert shown["Config"]["WorkingDir"] == "/src"
    assert shown["Config"]["Entrypoint"] == ["sh", "./app.sh"]


def test_changes_outlive_a_stop(boxship: Cli, webserver: str) -> None:
    """S090 S093: the writable layer stays; restart keeps the id and makes a new process."""
    boxship("exec", webserver, "sh", "-c", "echo kept > /note")
    before = boxship("inspect", "-f", "{{.Id}} {{.State.Pid}}", webserver).split()
    boxship("stop", webserver)
    boxship("start", webserver)
    assert boxship("exec", webserver, "cat", "/note") == "kept"
    assert boxship("restart", webserver) == webserver
    after = boxship("inspect", "-f", "{{.Id}} {{.State.Pid}}", webserver).split()
    assert before[0] == after[0]
    assert before[1] != after[1]


def test_exit_status_of_a_stop(boxship: Cli, busybox: str) -> None:
    """S091 S092 S112: 143 for who heeds SIGTERM, 137 for who must be killed."""
    boxship("run", "-d", "--init", "--name", "polite", busybox, "sleep", "900")
    boxship("run", "-d", "--name", "deaf", busybox, "sleep", "900")
    boxship("stop", "polite")
    boxship("stop", "--timeout", "0", "deaf")
    rows = boxship("ps", "-a", "--format", "{{.Names}}: {{.Status}}")
    assert re.search(r"polite: Exited \(143\) .+ ago", rows)
    assert re.search(r"deaf: Exited \(137\) .+ ago", rows)
    assert boxship("start", "deaf") == "deaf"
    boxship("stop", "--signal", "KILL", "deaf")
    boxship("rm", "polite", "deaf")


def test_leaving_the_main_process_stops_the_container(boxship: Cli, busybox: str) -> None:
    """S096 S097 S098: exit ends it; restart and attach bring one back; Ctrl-P Ctrl-Q leaves."""
    with boxship.terminal("run", "--name", "ddd-ctr", "-it", busybox, "sh") as terminal:
        terminal.expect("#")
        terminal.send("exit\n")
        assert terminal.wait() == 0
    assert boxship("inspect", "-f", "{{.State.Status}}", "ddd-ctr") == "exited"
    boxship("restart", "ddd-ctr")
    with boxship.terminal("attach", "ddd-ctr") as terminal:
        terminal.send("echo $((6 * 7))\n")
        terminal.expect("42")
        terminal.send(b"\x10\x11")
        terminal.wait()
    assert boxship("inspect", "-f", "{{.State.Status}}", "ddd-ctr") == "running"
    boxship("rm", "-f", "ddd-ctr")


def test_restart_policy(boxship: Cli, busybox: str) -> None:
    """S106 S107: always starts again after an exit, and counts it."""
    with boxship.terminal(
        "run", "--name", "neversaydie", "-it", "--restart", "always", busybox, "sh"
    ) as terminal:
        terminal.expect("#")
        terminal.send("exit\n")
        terminal.wait()
    starts = ("events", "--since", "1m", "--filter", "container=neversaydie")
    with boxship.start(*starts, "--filter", "event=start", "--format", "{{.Action}}") as stream:
        assert stream.stdout is not None
        assert [stream.stdout.readline() for _ in range(2)] == [b"start\n"] * 2
        stream.terminate()
    assert boxship("inspect", "-f", "{{.RestartCount}}", "neversaydie") == "1"
    assert boxship("inspect", "-f", "{{.HostConfig.RestartPolicy.Name}}", "neversaydie") == "always"
    boxship("rm", "-f", "neversaydie")


def test_remove_everything(boxship: Cli, busybox: str) -> None:
    """S095 S108 S109: ids only, and all of them removed without a question."""
    for _ in range(3):
        boxship("run", "-d", "--init", busybox, "sleep", "900")
    ids = boxship("ps", "-aq").split()
    assert all(re.fullmatch(r"[0-9a-f]{12}", identifier) for identifier in ids)
    assert boxship("rm", *ids, "-f").split() == ids
    assert boxship("ps", "-aq") == ""


def test_one_kernel(boxship: Cli, busybox: str) -> None:
    """S111 S113: the default tag is latest; the kernel is the host's."""
    assert boxship("run", "--rm", busybox, "uname", "-r") == os.uname().release
    assert boxship("inspect", "-f", "{{.RepoTags}}", "busybox") == "[busybox:latest]"


def test_remove_all_images(boxship: Cli, busybox: str) -> None:
    """S110: rmi of everything listed."""
    boxship("rmi", *set(boxship("images", "-q").split()), "-f")
    assert boxship("images", "-q") == ""
    boxship("pull", busybox)
