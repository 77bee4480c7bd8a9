"""Containers that share namespaces and shared memory with others."""

from collections.abc import Callable, Iterator

import pytest

from tests.support.cli import Cli


@pytest.fixture
def donor(boxship: Cli, busybox: str) -> Iterator[Callable[..., str]]:
    names = []

    def start(mode: str, *options: str) -> str:
        name = f"donor-{mode or 'default'}"
        names.append(name)
        arguments = ["--ipc", mode] if mode else []
        boxship("run", "-d", "--name", name, *arguments, *options, busybox, "sleep", "1000")
        return name

    yield start
    for name in names:
        boxship.run("rm", "-f", name)


def test_shared_memory(boxship: Cli, busybox: str, donor: Callable[..., str]) -> None:
    name = donor("shareable", "--shm-size", "3m")
    boxship("exec", name, "sh", "-c", "echo note >/dev/shm/a; df -k /dev/shm | grep -q 3072")
    share = ("run", "--rm", "--ipc", f"container:{name}", busybox)
    assert boxship(*share, "cat", "/dev/shm/a") == "note"
    inside = boxship(*share, "readlink", "/proc/self/ns/ipc")
    assert inside == boxship("exec", name, "readlink", "/proc/self/ns/ipc")
    boxship("restart", "-t", "0", name)
    assert "note" not in boxship("exec", name, "ls", "/dev/shm")


@pytest.mark.parametrize("mode", ["", "private"])
def test_what_is_private_is_not_shared(
    boxship: Cli, busybox: str, donor: Callable[..., str], mode: str
) -> None:
    name = donor(mode)
    told = boxship.fails("run", "--rm", "--ipc", f"container:{name}", busybox, "true")
    assert "non-shareable IPC (hint: use IpcMode:shareable for the donor container)" in told


def test_one_that_does_not_run(boxship: Cli, busybox: str, donor: Callable[..., str]) -> None:
    name = donor("shareable")
    boxship("stop", "-t", "0", name)
    told = boxship.fails("run", "--rm", "--ipc", f"container:{name}", busybox, "true")
    assert "cannot join IPC of a non running container" in told


def test_none_has_no_shared_memory(boxship: Cli, busybox: str) -> None:
    mounts = boxship("run", "--rm", "--ipc", "none", busybox, "cat", "/proc/mounts")
    assert "/dev/mqueue" in mounts
    assert "/dev/shm" not in mounts


def test_processes(boxship: Cli, busybox: str, donor: Callable[..., str]) -> None:
    name = donor("shareable")
    seen = boxship("run", "--rm", "--pid", f"container:{name}", busybox, "ps")
    assert "sleep 1000" in seen
