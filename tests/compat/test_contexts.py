"""Contexts: docker's and boxship's commands print the same and work with each other's files."""

import json
from pathlib import Path

import pytest

from tests.support.cli import Cli
from tests.support.daemon import Daemon
from tests.support.fixtures import docker_programs, docker_version

pytestmark = pytest.mark.parametrize(
    "docker", docker_programs()[-1:], ids=docker_version, indirect=True
)
"""The newest client: words and commands of older ones differ."""
FILE_NOT_THERE = "no such file or directory"


@pytest.fixture
def both(boxship: Cli, docker: Cli, tmp_path: Path) -> tuple[Cli, Cli]:
    """Both clients with one configuration directory and no host in their environment."""
    clients = []
    for client in (boxship, docker):
        names = ("DOCKER_HOST", "BOXSHIP_HOST", "DOCKER_CONTEXT")
        env = {key: value for key, value in client.env.items() if key not in names}
        clients.append(Cli(client.program, {**env, "DOCKER_CONFIG": str(tmp_path)}, tmp_path))
    return clients[0], clients[1]


def made(client: Cli, *args: str) -> tuple[int, str, str]:
    done = client.run("context", *args)
    return done.returncode, done.stdout, done.stderr


def test_each_uses_what_the_other_made(daemon: Daemon, both: tuple[Cli, Cli]) -> None:
    boxship, docker = both
    host = f"host=unix://{daemon.socket}"
    assert made(boxship, "create", "ours", "--description", "of boxship", "--docker", host) == (
        0,
        "ours\n",
        'Successfully created context "ours"\n',
    )
    assert made(docker, "create", "theirs", "--docker", host)[0] == 0
    assert docker("--context", "ours", "version", "-f", "{{.Server.Version}}") == boxship(
        "--context", "theirs", "version", "-f", "{{.Server.Version}}"
    )
    assert made(boxship, "use", "theirs") == (
        0,
        "theirs\n",
        'Current context is now "theirs"\n',
    )
    assert docker("context", "show") == boxship("context", "show") == "theirs"
    boxship("ps")
    names = ("ours", "theirs")
    assert boxship("context", "inspect", *names) == docker("context", "inspect", *names)
    assert boxship("context", "ls", "-q") == docker("context", "ls", "-q")
    shown = "{{.Name}} {{.Current}} {{.Description}} {{.DockerEndpoint}}"
    ours, stock = (client("context", "ls", "--format", shown) for client in both)
    assert ours.splitlines()[1:] == stock.splitlines()[1:]
    assert "theirs *" in boxship("context", "ls")


REFUSED = (
    ("use", "missing"),
    ("rm", "missing"),
    ("rm", "default"),
    ("create", "default", "--docker", "host=unix:///x"),
    ("create", "a b", "--docker", "host=unix:///x"),
    ("create", "x", "--docker", "odd=1"),
    ("create", "x", "--docker", "host=unix:///x", "--from", "default"),
    ("create", "x", "--from", "missing"),
    ("update", "default", "--description", "x"),
    ("export", "missing"),
)


@pytest.mark.parametrize("args", REFUSED, ids=" ".join)
def test_refusals(both: tuple[Cli, Cli], args: tuple[str, ...]) -> None:
    ours, theirs = (made(client, *args) for client in both)
    assert ours[0] == theirs[0] == 1
    assert ours[2] == theirs[2]


def test_one_in_use_is_removed_by_force_only(both: tuple[Cli, Cli]) -> None:
    boxship, docker = both
    docker("context", "create", "busy", "--docker", "host=unix:///x")
    docker("context", "use", "busy")
    refused = made(boxship, "rm", "busy")
    assert refused == (1, "", 'context "busy" is in use, set -f flag to force remove\n')
    assert boxship("context", "rm", "-f", "busy") == "busy"
    assert docker("context", "show") == "default"
    assert boxship("context", "rm", "-f", "busy") == docker("context", "rm", "-f", "busy")


def test_export_and_import(both: tuple[Cli, Cli], tmp_path: Path) -> None:
    boxship, docker = both
    for name in ("ca", "cert", "key"):
        (tmp_path / name).write_text(f"the {name}")
    tls = "host=tcp://127.0.0.1:1,ca=ca,cert=cert,key=key,skip-tls-verify=true"
    boxship("context", "create", "far", "--docker", tls, "--description", "x")
    assert made(boxship, "export", "far")[2] == 'Written file "far.dockercontext"\n'
    docker("context", "import", "copy1", "far.dockercontext")
    docker("context", "export", "copy1", "again.tar")
    assert made(boxship, "import", "copy2", "again.tar") == (
        0,
        "copy2\n",
        'Successfully imported context "copy2"\n',
    )
    for name in ("copy1", "copy2"):
        document = json.loads(docker("context", "inspect", name))[0]
        assert document["Endpoints"]["docker"] == {
            "Host": "tcp://127.0.0.1:1",
            "SkipTLSVerify": True,
        }
        assert sorted(document["TLSMaterial"]["docker"]) == ["ca.pem", "cert.pem", "key.pem"]
        key = Path(document["Storage"]["TLSPath"]) / "docker/key.pem"
        assert key.read_text() == "the key"
        assert key.stat().st_mode & 0o777 == 0o600


def test_what_decides(daemon: Daemon, both: tuple[Cli, Cli]) -> None:
    boxship, _ = both
    boxship("context", "create", "here", "--docker", f"host=unix://{daemon.socket}")
    by_environment = Cli(boxship.program, {**boxship.env, "DOCKER_CONTEXT": "here"}, boxship.cwd)
    assert by_environment("context", "show") == "here"
    by_environment("ps")
    with_host = {**by_environment.env, "DOCKER_HOST": "unix:///nowhere"}
    assert Cli(boxship.program, with_host, boxship.cwd)("context", "show") == "default"
    told = boxship.fails("-H", "unix:///x", "--context", "here", "ps")
    assert told == "conflicting options: cannot specify both --host and --context\n"
    told = boxship.fails("--context", "gone", "ps")
    assert 'context "gone": context not found' in told
    assert FILE_NOT_THERE in told


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "invalid context: "),
        (b"no archive at all" * 100, "invalid context: "),
        (b"PKno zip", "invalid context: "),
    ],
)
def test_bad_archives(both: tuple[Cli, Cli], tmp_path: Path, content: bytes, told: str) -> None:
    boxship, _ = both
    (tmp_path / "bad").write_bytes(content)
    assert told in boxship.fails("context", "import", "bad", "bad")
    assert boxship("context", "ls", "-q") == "default"
