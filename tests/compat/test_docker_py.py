"""docker-py, unmodified."""

from collections.abc import Iterator

import docker
import pytest
from docker.models.containers import Container


@pytest.fixture
def sleeper(docker_py: docker.DockerClient, busybox: str) -> Iterator[Container]:
    """A container that sleeps."""
    container = docker_py.containers.run(busybox, ["sleep", "900"], detach=True, init=True)
    yield container
    container.remove(force=True)


def test_run_and_output(docker_py: docker.DockerClient, busybox: str) -> None:
    assert docker_py.ping()
    output = docker_py.containers.run(busybox, ["echo", "hello"], remove=True)
    assert output == b"hello\n"


def test_failure_is_told(docker_py: docker.DockerClient, busybox: str) -> None:
    with pytest.raises(docker.errors.ContainerError) as caught:
        docker_py.containers.run(busybox, ["sh", "-c", "echo bad >&2; exit 3"], remove=True)
    assert caught.value.exit_status == 3
    with pytest.raises(docker.errors.ImageNotFound):
        docker_py.images.get("nothing-like-this")


def test_streaming_logs(docker_py: docker.DockerClient, busybox: str) -> None:
    script = "for i in 1 2 3; do echo line $i; done"
    container = docker_py.containers.run(busybox, ["sh", "-c", script], detach=True)
    lines = list(container.logs(stream=True, follow=True))
    assert b"".join(lines) == b"line 1\nline 2\nline 3\n"
    assert container.wait()["StatusCode"] == 0
    container.remove()


def test_exec(sleeper: Container) -> None:
    result = sleeper.exec_run(["sh", "-c", "echo out; exit 4"])
    assert (result.exit_code, result.output) == (4, b"out\n")
    both = sleeper.exec_run(["sh", "-c", "echo out; echo err >&2"], demux=True)
    assert both.output == (b"out\n", b"err\n")


def test_lists(docker_py: docker.DockerClient, sleeper: Container) -> None:
    assert sleeper.id in [container.id for container in docker_py.containers.list()]
    assert sleeper.status in ("created", "running")
    tags = [tag for image in docker_py.images.list() for tag in image.tags]
    assert "busybox:latest" in tags
    assert {"bridge", "host", "none"} <= {network.name for network in docker_py.networks.list()}
