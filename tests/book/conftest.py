"""Walkthroughs: each test shows the acceptance items that its docstring names (Sxxx)."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from boxship.entrypoints import base_image
from boxship.oci.image import ExecutionConfig
from tests.support import images
from tests.support.cli import Cli, boxship_cli, docker_cli
from tests.support.daemon import Daemon
from tests.support.fixtures import docker_programs, docker_version
from tests.support.registry import Registry, push_image

_APP = "exec httpd -f -p 8080 -h /src"


_CLIENTS: list[Path | None] = [None, *docker_programs()]


ClientProgram = Callable[[Daemon], Cli]


def _name(program: Path | None) -> str:
    return docker_version(program) if program else "boxship"


@pytest.fixture(scope="module", params=_CLIENTS, ids=_name)
def client_program(request: pytest.FixtureRequest) -> ClientProgram:
    """Our command, then each stock client, as a function of the daemon it is to talk to."""

    def client(daemon: Daemon) -> Cli:
        if request.param is None:
            return boxship_cli(daemon.host, daemon.scratch / "home")
        return docker_cli(request.param, daemon.host, daemon.scratch / "docker-home")

    return client


@pytest.fixture(scope="module")
def cli(client_program: ClientProgram, daemon: Daemon) -> Cli:
    """The command of a walkthrough against the module's daemon: all of them must do."""
    return client_program(daemon)


@pytest.fixture(autouse=True)
def _no_containers_left(request: pytest.FixtureRequest) -> Iterator[None]:
    """One failed walkthrough leaves nothing in the way of the next."""
    if "daemon" not in request.fixturenames:
        yield
        return
    daemon: Daemon = request.getfixturevalue("daemon")
    yield
    for container in daemon.get("/containers/json?all=1"):
        daemon.request("DELETE", f"/containers/{container['Id']}?force=1&v=1")


@pytest.fixture(scope="session")
def web_image(registry: Registry) -> str:
    """A small web server in the walkthroughs' shape: workdir /src, an entry point, port 8080."""
    config = ExecutionConfig(
        env=[base_image.PATH],
        entrypoint=["sh", "./app.sh"],
        working_dir="/src",
        exposed_ports={"8080/tcp": {}},
        labels={"maintainer": "tester"},
    )
    layer = images.layer(
        {
            "src/": "",
            "src/app.sh": _APP,
            "src/index.html": "<h1>Hello</h1>\n",
            "src/views/": "",
            "src/views/home.txt": "home page\n",
        }
    )
    push_image(registry, "library/web:v1", images.image(layer, config=config))
    return "web:v1"


@pytest.fixture
def webserver(cli: Cli, daemon: Daemon, web_image: str) -> Iterator[str]:
    """The walkthroughs' running web server; its name."""
    cli("run", "-d", "--init", "--name", "webserver", "-p", "127.0.0.1::8080", web_image)
    yield "webserver"
    cli.run("rm", "-f", "webserver")
    assert daemon.get("/containers/json?all=1") == []
