"""Hot commands must start fast: which modules they may load, and what ``version`` costs."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from boxship.client.testing import Asked, Connection, fake_engine
from boxship.entrypoints.cli import install_launcher

OS = frozenset({"_collections_abc", "_stat", "genericpath", "os", "os.path", "posixpath", "stat"})
ALLOWED_STDLIB = OS | {"_json", "_socket", "fcntl", "select"}
"""What hot commands may load beyond what the bare interpreter has loaded already."""

HOT = (
    ["version"],
    ["ps"],
    ["run", "-d", "busybox", "true"],
    ["run", "busybox", "true"],
    ["create", "-p", "80:80", "-v", "/a:/b", "--mount", "dst=/x", "busybox"],
    ["exec", "-d", "web", "true"],
    ["start", "web"],
    ["stop", "web"],
    ["kill", "web"],
    ["rm", "-f", "web"],
    ["logs", "web"],
    ["inspect", "web"],
    ["images"],
)

PROBE = """
import sys
bare = set(sys.modules)
sys.path.append({root!r})
from boxship.cli.main import main
code = main(sys.argv[1:])
loaded = set(sys.modules) - bare
print(*sorted(name for name in loaded if not name.startswith("boxship")), file=sys.stderr)
sys.exit(code)
"""

ROOT = str(Path(__file__).parents[3])


def handle(connection: Connection, request: Asked) -> bool | None:
    if request.path.endswith("/attach"):
        connection.upgrade()
        return True
    if request.path.endswith("/logs"):
        connection.answer_chunks([], "application/vnd.docker.multiplexed-stream")
    elif request.path.endswith(("/containers/json", "/images/json")):
        connection.answer([])
    else:
        connection.answer({"Id": "c" * 64, "StatusCode": 0, "Components": []})
    return None


@pytest.mark.parametrize("words", HOT, ids=lambda words: words[0])
def test_hot_commands_import_little(words: list[str], tmp_path: Path) -> None:
    with fake_engine(tmp_path, handle) as engine:
        command = [sys.executable, "-IS", "-c", PROBE.format(root=ROOT)]
        done = subprocess.run(
            [*command, "-H", f"unix://{engine.path}", *words],
            capture_output=True,
            text=True,
            env={"DOCKER_CONFIG": str(tmp_path)},
        )
    assert done.returncode == 0, done.stderr
    assert set(done.stderr.split()) <= ALLOWED_STDLIB


def test_the_launcher_names_the_interpreter_and_starts_fast(tmp_path: Path) -> None:
    launcher = install_launcher(str(tmp_path))
    assert Path(launcher).read_text().startswith(f"#!{sys.executable} -IS\n")
    with fake_engine(tmp_path, handle) as engine:
        environment = {"DOCKER_HOST": f"unix://{engine.path}", "HOME": str(tmp_path)}
        bare = min(cpu_ms([sys.executable, "-IS", "-c", ""], environment) for _ in range(10))
        ours = min(cpu_ms([launcher, "version"], environment) for _ in range(10))
    assert ours - bare < 20


def cpu_ms(command: list[str], environment: dict[str, str]) -> float:
    """Processor time that a command takes, in milliseconds; waiting is not counted."""
    null = (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)
    pid = os.posix_spawn(command[0], command, environment, file_actions=[null])
    _, status, usage = os.wait4(pid, 0)
    assert status == 0
    return (usage.ru_utime + usage.ru_stime) * 1000
