"""Containers: starting, looking into, stopping, restarting."""

import json
import os
import re
import time

from tests.support.cli import Cli
from tests.support.daemon import Daemon
from tests.support.waiting import wait_until

_ENDED = "{{.State.Status}} {{.RestartCount}}"


def test_run_pulls_what_is_missing(cli: Cli, web_image: str) -> None:
    """S081: the image is looked for, pulled, and the container's id printed."""
    cli.run("rmi", "-f", web_image)
    done = cli.run("run", "-d", "--init", "--name", "w1", "-p", "127.0.0.1::8080", web_image)
    assert f"Unable to find image '{web_image}' locally" in done.stderr
    assert re.fullmatch(r"[0-9a-f]{64}\n", done.stdout)
    cli("rm", "-f", "w1")


def test_independent_writable_layers(cli: Cli, busybox: str) -> None:
    """S082: containers of one image do not see each other's changes."""
    for name in ("one", "two"):
        cli("run", "-d", "--init", "--name", name, busybox, "sleep", "900")
    cli("exec", "one", "touch", "/mark")
    assert cli.run("exec", "two", "ls", "/mark").returncode == 1
    cli("rm", "-f", "one", "two")


def test_three_ways_to_start_an_app(cli: Cli, busybox: str, web_image: str) -> None:
    """S083 S084 S085: arguments replace CMD, follow ENTRYPOINT; --entrypoint replaces that."""
    assert cli("run", "--rm", busybox, "echo", "instead") == "instead"
    entry = cli("inspect", web_image, "--format", "{{json .Config.Entrypoint}}")
    assert json.loads(entry) == ["sh", "./app.sh"]
    assert cli("run", "--rm", "--entrypoint", "echo", web_image, "a", "b") == "a b"


def test_removed_when_it_ends(cli: Cli, daemon: Daemon, busybox: str) -> None:
    """S086: --rm with -d; the volume without a name goes too."""
    container = cli("run", "--rm", "-d", "-v", "/data", busybox, "true")
    daemon.request("POST", f"/containers/{container}/wait?condition=removed")
    assert container not in cli("ps", "-aq", "--no-trunc").split()
    assert cli("volume", "ls", "-q") == ""


def test_remote_exec(cli: Cli, webserver: str) -> None:
    """S087 S088 S094 S099: output and exit status come back; the main process stays."""
    assert "app.sh" in cli("exec", webserver, "ps")
    assert cli("exec", webserver, "cat", "views/home.txt") == "home page"
    assert cli.run("exec", webserver, "sh", "-c", "exit 5").returncode == 5
    assert cli("inspect", "-f", "{{.State.Status}}", webserver) == "running"


def test_inspect(cli: Cli, webserver: str, web_image: str) -> None:
    """S089: what an inspected container shows."""
    (shown,) = json.loads(cli("inspect", webserver))
    assert shown["State"]["Status"] == "running"
    assert shown["Name"] == "/webserver"
    assert shown["HostConfig"]["PortBindings"]["8080/tcp"][0]["HostIp"] == "127.0.0.1"
    assert shown["HostConfig"]["RestartPolicy"] == {"Name": "no", "MaximumRetryCount": 0}
    assert shown["Config"]["Image"] == web_image
    assert shown["Config"]["WorkingDir"] == "/src"
    assert shown["Config"]["Entrypoint"] == ["sh", "./app.sh"]


def test_changes_outlive_a_stop(cli: Cli, webserver: str) -> None:
    """S090 S093: the writable layer stays; restart keeps the id and makes a new process."""
    cli("exec", webserver, "sh", "-c", "echo kept > /note")
    before = cli("inspect", "-f", "{{.Id}} {{.State.Pid}}", webserver).split()
    cli("stop", webserver)
    cli("start", webserver)
    assert cli("exec", webserver, "cat", "/note") == "kept"
    assert cli("restart", webserver) == webserver
    after = cli("inspect", "-f", "{{.Id}} {{.State.Pid}}", webserver).split()
    assert before[0] == after[0]
    assert before[1] != after[1]


def test_exit_status_of_a_stop(cli: Cli, busybox: str) -> None:
    """S091 S092 S112: 0 or 143 for who heeds SIGTERM, 137 for who must be killed."""
    handler = "trap 'exit 0' TERM; echo ready; while :; do sleep 0.1; done"
    cli("run", "-d", "--init", "--name", "polite", busybox, "sleep", "900")
    cli("run", "-d", "--name", "deaf", busybox, "sleep", "900")
    cli("run", "-d", "--name", "tidy", busybox, "sh", "-c", handler)
    with cli.start("logs", "-f", "tidy") as log:
        assert log.stdout is not None
        assert log.stdout.readline() == b"ready\n"
        cli("stop", "polite", "tidy")
    before = time.monotonic()
    assert cli("stop", "-t", "1", "deaf") == "deaf"
    assert time.monotonic() - before >= 1
    rows = cli("ps", "-a", "--format", "{{.Names}}: {{.Status}}")
    assert re.search(r"polite: Exited \(143\) .+ ago", rows)
    assert re.search(r"tidy: Exited \(0\) .+ ago", rows)
    assert re.search(r"deaf: Exited \(137\) .+ ago", rows)
    cli("rm", "polite", "deaf", "tidy")


def test_signal_and_time_of_a_stop(boxship: Cli, busybox: str) -> None:
    """S112: the signal and the time until SIGKILL are chosen with the container, or the stop."""
    boxship("run", "-d", "--name", "deaf", "--stop-timeout", "0", busybox, "sleep", "900")
    boxship("stop", "deaf")
    assert boxship("start", "deaf") == "deaf"
    boxship("stop", "--signal", "KILL", "--timeout", "60", "deaf")
    assert boxship("inspect", "-f", "{{.State.ExitCode}}", "deaf") == "137"
    boxship("rm", "deaf")


def test_leaving_the_main_process_stops_the_container(cli: Cli, busybox: str) -> None:
    """S096 S097 S098: exit ends it; restart and attach bring one back; Ctrl-P Ctrl-Q leaves."""
    with cli.terminal("run", "--name", "ddd-ctr", "-it", busybox, "sh") as terminal:
        terminal.expect("#")
        terminal.send("exit\n")
        assert terminal.wait() == 0
    assert cli("inspect", "-f", "{{.State.Status}}", "ddd-ctr") == "exited"
    cli("restart", "ddd-ctr")
    with cli.terminal("attach", "ddd-ctr") as terminal:
        terminal.send("echo $((6 * 7))\n")
        terminal.expect("42")
        terminal.send(b"\x10\x11")
        terminal.wait()
    with cli.terminal("attach", "--detach-keys", "ctrl-x,x", "ddd-ctr") as terminal:
        terminal.send("echo $((6 * 9))\n")
        terminal.expect("54")
        terminal.send(b"\x18x")
        terminal.wait()
    assert cli("inspect", "-f", "{{.State.Status}}", "ddd-ctr") == "running"
    cli("rm", "-f", "ddd-ctr")


def test_leaving_an_exec_leaves_the_container(cli: Cli, webserver: str) -> None:
    """S087 S088 S099: a shell beside the main process; its exit ends only itself."""
    before = cli("inspect", "-f", "{{.State.Pid}}", webserver)
    with cli.terminal("exec", "-it", webserver, "sh") as terminal:
        terminal.expect("#")
        terminal.send("exit 4\n")
        assert terminal.wait() == 4
    assert cli("inspect", "-f", "{{.State.Pid}}", webserver) == before


def test_restart_policy(cli: Cli, busybox: str) -> None:
    """S106 S107: always starts again after an exit, and counts it."""
    with cli.terminal(
        "run", "--name", "neversaydie", "-it", "--restart", "always", busybox, "sh"
    ) as terminal:
        terminal.expect("#")
        terminal.send("exit\n")
        terminal.wait()
    container = cli("inspect", "-f", "{{.Id}}", "neversaydie")
    starts = ("events", "--since", "1m", "--filter", f"container={container}")
    with cli.start(*starts, "--filter", "event=start", "--format", "{{.Action}}") as stream:
        assert stream.stdout is not None
        assert [stream.stdout.readline() for _ in range(2)] == [b"start\n"] * 2
        stream.terminate()
    assert cli("inspect", "-f", "{{.RestartCount}}", "neversaydie") == "1"
    assert cli("inspect", "-f", "{{.HostConfig.RestartPolicy.Name}}", "neversaydie") == "always"
    cli("rm", "-f", "neversaydie")


def test_restart_policies_and_the_engine(cli: Cli, daemon: Daemon, busybox: str) -> None:
    """S106: stopped by hand, always starts with the engine again, unless-stopped does not."""
    for policy in ("no", "on-failure:3", "always", "unless-stopped"):
        name = policy.partition(":")[0]
        cli("run", "-d", "--name", name, "--restart", policy, busybox, "sleep", "900")
        cli("stop", "-t", "0", name)
    daemon.restart()
    wait_until(lambda: cli("ps", "--format", "{{.Names}}") == "always")
    shown = json.loads(cli("inspect", "-f", "{{json .HostConfig.RestartPolicy}}", "on-failure"))
    assert shown == {"Name": "on-failure", "MaximumRetryCount": 3}
    cli("rm", "-f", "no", "on-failure", "always", "unless-stopped")


def test_the_number_of_restarts_after_failures(cli: Cli, busybox: str) -> None:
    """S106: on-failure:2 starts a failing container twice more, one that succeeds never."""
    for name, status in (("failing", "3"), ("succeeding", "0")):
        command = ("sh", "-c", f"exit {status}")
        cli("run", "-d", "--name", name, "--restart", "on-failure:2", busybox, *command)
    assert cli("wait", "failing", "succeeding").splitlines() == ["3", "0"]
    wait_until(lambda: cli("inspect", "-f", _ENDED, "failing") == "exited 2")
    assert cli("inspect", "-f", _ENDED, "succeeding") == "exited 0"
    cli("rm", "failing", "succeeding")


def test_remove_everything(cli: Cli, busybox: str) -> None:
    """S095 S108 S109: ids only, and all of them removed without a question."""
    for _ in range(3):
        cli("run", "-d", "--init", busybox, "sleep", "900")
    ids = cli("ps", "-aq").split()
    assert all(re.fullmatch(r"[0-9a-f]{12}", identifier) for identifier in ids)
    assert cli("rm", *ids, "-f").split() == ids
    assert cli("ps", "-aq") == ""


def test_one_kernel(cli: Cli, busybox: str) -> None:
    """S111 S113: the default tag is latest; the kernel is the host's."""
    assert cli("run", "--rm", busybox, "uname", "-r") == os.uname().release
    assert cli("inspect", "-f", "{{.RepoTags}}", "busybox") == "[busybox:latest]"


def test_remove_all_images(cli: Cli, busybox: str) -> None:
    """S110: rmi of everything listed."""
    cli("rmi", *set(cli("images", "-q").split()), "-f")
    assert cli("images", "-q") == ""
    cli("pull", busybox)
