"""What our command prints about images is what the stock client prints, byte for byte."""

import re
import subprocess
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from tests.book import material
from tests.support.cli import Cli
from tests.support.daemon import Daemon
from tests.support.registry import Registry, push_image

_NUMBERS = count(1)
_AGES = re.compile(r"(Less than a second|\d+ seconds?|About a minute|\d+ minutes?) ago *")

_SIZES = re.compile(r"[0-9.]+[kM]?B +")
_MISSING = re.compile(r"Error(?: response from daemon)?: No such image: (\w+)(?::latest)?")

_LINES = (
    "images",
    "images --digests",
    "images --no-trunc",
    "images -q",
    "images -a",
    "images NAME",
    "images nothing",
    "images --filter dangling=true",
    "images --filter reference='*/*/story*:v?'",
    "images --filter label=nothing -q",
    "images --filter bad=1",
    "images --filter since=nothing",
    "images --format '{{.Repository}}\t{{.Tag}}\t{{.Size}}'",
    "images --format 'table {{.ID}}\\t{{.CreatedAt}}' NAME",
    "images --format '{{json .}}' NAME",
    "history NAME",
    "history --no-trunc NAME",
    "history -q NAME",
    "history -H=false NAME",
    "history --format '{{json .}}' NAME",
    "history nothing",
    "image inspect -f '{{.Id}} {{.RepoTags}} {{.RepoDigests}} {{.Os}} {{.RootFS.Layers}}' NAME",
    "image inspect nothing",
    "inspect --type image -f '{{json .RootFS}}' NAME nothing",
    "pull NAME",
    "pull -q NAME",
    "pull REPOSITORY:nothing",
    "pull 127.0.0.1:1/away:v1",
    "pull REPOSITORY@sha256:0000000000000000000000000000000000000000000000000000000000000000",
    "tag nothing a",
    "tag NAME a:b@c",
    "rmi nothing another",
    "rmi -f nothing",
    "push REPOSITORY:nothing",
    "push -q REPOSITORY:nothing",
    "save nothing",
    "load -i nothing.tar",
    "import nothing.tar",
    "image prune -f",
    "image prune -f --filter until=never",
    "image prune -f --filter bad=1",
    "search --limit 101 redis",
    "system df",
    "system df -v",
)


@pytest.fixture(scope="module")
def story(daemon: Daemon, registry: Registry) -> Iterator[str]:
    """An image with a history, pulled; its name."""
    name = str(push_image(registry, f"team/story{next(_NUMBERS)}:v1", material.node()))
    repository, _, tag = name.rpartition(":")
    daemon.request("POST", f"/images/create?fromImage={repository}&tag={tag}")
    yield name
    daemon.request("DELETE", f"/images/{name}?force=1")


def _said(cli: Cli, line: str, story: str) -> tuple[int, str, str]:
    """Status and output of a line, in which ages are no matter."""
    words = line.replace("NAME", story).replace("REPOSITORY", story.rpartition(":")[0])
    done = subprocess.run(
        ["sh", "-c", f'"{cli.program[0]}" {words}'],
        env=cli.env,
        cwd=cli.cwd,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.returncode, _AGES.sub("AGO ", done.stdout), _AGES.sub("AGO ", done.stderr)


def _is_old(cli: Cli) -> bool:
    return cli("--version").startswith("Docker version 20.")


def _as_before(said: tuple[int, str, str]) -> tuple[int, str, str]:
    """Without what old clients had otherwise: words for a missing image, digits of df -v."""
    status, out, error = said
    if out.startswith("Images space usage:"):
        out = _SIZES.sub("SIZE ", out)
    return status, out, _MISSING.sub(r"No such image: \1", error)


@pytest.mark.parametrize("line", _LINES)
def test_as_the_stock_client(
    docker: Cli, boxship: Cli, busybox: str, story: str, line: str
) -> None:
    assert busybox
    ours, theirs = _said(boxship, line, story), _said(docker, line, story)
    if _is_old(docker):
        ours, theirs = _as_before(ours), _as_before(theirs)
    assert ours == theirs


def test_save_load_and_push(
    docker: Cli, boxship: Cli, story: str, registry: Registry, scratch: Path
) -> None:
    """The same archive, the same words on the way in and out."""
    archives = []
    for number, cli in enumerate((docker, boxship)):
        path = scratch / f"{number}.tar"
        cli("save", "-o", str(path), story)
        archives.append(path.read_bytes())
    assert archives[0] == archives[1]
    path = scratch / "0.tar"
    assert docker("load", "-i", str(path)) == boxship("load", "-i", str(path))
    pushed = []
    for cli in (docker, boxship):
        name = f"{registry.host}/team/pushed{next(_NUMBERS)}:v1"
        cli("tag", story, name)
        said = cli("push", name).replace(name.rpartition(":")[0], "REPOSITORY")
        pushed.append(sorted(said.splitlines()))
        assert cli("rmi", name).splitlines()[0] == f"Untagged: {name}"
    assert [line for line in pushed[0] if "digest" in line] == [
        line for line in pushed[1] if "digest" in line
    ]
