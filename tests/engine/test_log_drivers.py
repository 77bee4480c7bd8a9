"""Log drivers at work: what a container prints reaches files and servers, whatever happens."""

import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.cli import Cli, boxship_cli
from tests.support.daemon import Daemon
from tests.support.fixtures import StartDaemon
from tests.support.waiting import wait_until

JOURNAL = Path("/run/systemd/journal/socket")


@pytest.fixture
def receiver(scratch: Path) -> Iterator[socket.socket]:
    """A local datagram socket that plays a log server."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as made:
        made.bind(str(scratch / "s"))
        made.settimeout(30)
        yield made


def run(boxship: Cli, busybox: str, script: str, *options: str) -> str:
    return boxship("run", "-d", *options, busybox, "sh", "-c", script)


def entries(path: str) -> list[str]:
    if not os.path.exists(path):
        return []
    return [json.loads(line)["log"] for line in Path(path).read_text().splitlines()]


def test_json_file(daemon: Daemon, boxship: Cli, busybox: str) -> None:
    script = "echo one; echo two >&2; sleep 1000"
    container = run(boxship, busybox, script, "--log-driver", "json-file")
    shown = daemon.get(f"/containers/{container}/json")
    assert shown["LogPath"].endswith(f"/{container}-json.log")
    assert shown["HostConfig"]["LogConfig"] == {"Type": "json-file", "Config": {}}
    wait_until(lambda: len(entries(shown["LogPath"])) == 2)
    assert sorted(entries(shown["LogPath"])) == ["one\n", "two\n"]
    boxship("restart", "-t", "0", container)
    wait_until(lambda: len(entries(shown["LogPath"])) == 4)
    assert boxship("logs", container).splitlines().count("one") == 2
    boxship("rm", "-f", container)
    assert not Path(shown["LogPath"]).exists()


def test_a_killed_engine_loses_nothing(start_daemon: StartDaemon) -> None:
    daemon = start_daemon()
    boxship = boxship_cli(daemon.host, daemon.scratch / "home")
    boxship("pull", "busybox")
    script = "i=0; while [ $i -lt 3000 ]; do i=$((i+1)); echo line $i; done; sleep 1000"
    container = run(boxship, "busybox", script, "--log-driver", "json-file")
    path = daemon.get(f"/containers/{container}/json")["LogPath"]
    daemon.kill()
    daemon.start()
    wait_until(lambda: entries(path)[-1:] == ["line 3000\n"])
    assert list(dict.fromkeys(entries(path))) == [f"line {n}\n" for n in range(1, 3001)]
    boxship("rm", "-f", container)


def test_syslog(boxship: Cli, busybox: str, receiver: socket.socket) -> None:
    address = f"syslog-address=unixgram://{receiver.getsockname()}"
    options = ("--log-driver", "syslog", "--log-opt", address, "--log-opt", "tag=t/{{.Name}}")
    container = run(boxship, busybox, "echo hello", "--name", "talks", *options)
    assert receiver.recv(4096).decode().partition(" t/talks[")[2].endswith("]: hello\n")
    boxship("wait", container)
    assert boxship("logs", container) == "hello"  # dual logging
    boxship("rm", container)


def test_an_address_that_nobody_listens_at(boxship: Cli, busybox: str) -> None:
    options = (
        "--name",
        "fluentd",
        "--log-driver",
        "fluentd",
        "--log-opt",
        "fluentd-address=127.0.0.1:1",
    )
    told = boxship.fails("run", "--rm", *options, busybox, "true")
    assert "failed to initialize logging driver: dial tcp 127.0.0.1:1" in told
    assert "fluentd" not in boxship("ps", "-a", "--format", "{{.Names}}")


def test_journald(boxship: Cli, busybox: str) -> None:
    told = boxship.fails("run", "--rm", "--log-driver", "journald", busybox, "true")
    assert "journald is not enabled on this host" in told
    JOURNAL.parent.mkdir(parents=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journal:
        journal.bind(str(JOURNAL))
        journal.settimeout(30)
        script = "echo said; head -c 1000000 /dev/zero | tr '\\0' z; echo"
        boxship("run", "--rm", "--log-driver", "journald", busybox, "sh", "-c", script)
        fields = journal.recv(65536).split(b"\n")
        assert {b"MESSAGE=said", b"PRIORITY=6"} <= set(fields)
        _, handed, _, _ = socket.recv_fds(journal, 65536, 1)
        with os.fdopen(handed[0], "rb") as large:
            large.seek(0)
            assert large.read().count(b"z") > 200_000
    JOURNAL.unlink()


def test_refusals(boxship: Cli, busybox: str) -> None:
    told = boxship.fails("create", "--log-driver", "gelf", busybox)
    assert "gelf-address is a required parameter" in told
    told = boxship.fails("create", "--log-opt", "odd=1", busybox)
    assert "unknown log opt 'odd' for" in told
