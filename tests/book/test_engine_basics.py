"""Getting the engine, and what it is made of."""

import json
import os
import re
from pathlib import Path

from tests.support.cli import Cli
from tests.support.daemon import Daemon


def test_version(boxship: Cli) -> None:
    """S008 S010: the version in one line, and client and server with their API versions."""
    assert re.fullmatch(r"Boxship version \S+, build [0-9a-f]{7}", boxship("--version"))
    text = boxship("version")
    assert "Client" in text
    assert "Server" in text
    assert text.count("API version:") == 2
    assert "minimum version" in text


def test_info(boxship: Cli, daemon: Daemon) -> None:
    """S009: the state of the engine and its host, without an empty row."""
    info = json.loads(boxship("info", "--format", "{{json .}}"))
    assert info["DockerRootDir"] == str(daemon.data_root)
    assert info["NCPU"] == os.cpu_count()
    assert info["KernelVersion"] == os.uname().release
    assert "crun" in info["Runtimes"]
    text = boxship("info")
    for word in ("Containers", "Images", "Server Version", "Storage Driver", "Cgroup Driver"):
        assert re.search(rf"^ *{word}: \S+", text, re.MULTILINE), word


def test_the_socket_is_for_owner_and_group(daemon: Daemon) -> None:
    """S012 S035: a unix socket, root's and the group's."""
    status = daemon.socket.stat()
    assert status.st_mode & 0o777 in (0o660, 0o600)
    assert status.st_uid == 0


def test_one_shim_per_container(boxship: Cli, daemon: Daemon, busybox: str) -> None:
    """S032 S037 S038 S039 S041: a conmon outlives the runtime, and the engine."""
    boxship("run", "-d", "--name", "ctr1", busybox, "sh", "-c", "echo up; exec sleep 900")
    shims = [pid for pid in daemon.processes() if _program(pid) == "conmon"]
    assert len(shims) == 1
    assert not [pid for pid in daemon.processes() if _program(pid) == "crun"]
    daemon.restart()
    assert shims[0] in daemon.processes()
    assert boxship("logs", "ctr1") == "up"
    assert boxship("exec", "ctr1", "echo", "still") == "still"
    boxship("rm", "ctr1", "-f")


def test_another_runtime(boxship: Cli, busybox: str) -> None:
    """S040: the runtime is chosen by name."""
    for runtime in ("crun", "io.containerd.runc.v2"):
        assert boxship("run", "--rm", "--runtime", runtime, busybox, "echo", "ok") == "ok"
    assert "unknown or invalid runtime name: nope" in boxship.fails(
        "run", "--rm", "--runtime", "nope", busybox, "true", code=125
    )


def test_exposed_and_removed(boxship: Cli, web_image: str) -> None:
    """S042 S043: an exposed port shows in PORTS; rm -f after the operand removes."""
    boxship("run", "-d", "--init", "--name", "ctr1", web_image)
    assert boxship("ps", "--format", "{{.Names}} {{.Ports}}") == "ctr1 8080/tcp"
    assert boxship("rm", "ctr1", "-f") == "ctr1"


def _program(pid: int) -> str:
    return Path(f"/proc/{pid}/comm").read_text().strip()
