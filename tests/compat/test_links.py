"""Links of the default bridge, with the stock docker client."""

import json
from collections.abc import Iterator

import pytest

from tests.support.cli import Cli


@pytest.fixture
def web(docker: Cli, busybox: str) -> Iterator[str]:
    """A container that others link to; its name."""
    made = ("run", "-d", "--init", "--name", "web", "-e", "FOO=1", "--expose", "80")
    docker(*made, busybox, "sleep", "600")
    yield "web"
    docker.run("rm", "-f", "web", "app")


def test_a_linked_container_is_known_by_alias_and_variables(
    docker: Cli, web: str, busybox: str
) -> None:
    script = "env; grep db /etc/hosts; ping -c 1 -W 5 db >/dev/null && echo reached"
    told = docker(
        "run", "--rm", "--name", "app", "--link", f"{web}:db", busybox, "sh", "-c", script
    ).splitlines()
    address = docker("inspect", "-f", "{{.NetworkSettings.Networks.bridge.IPAddress}}", web)
    assert "DB_NAME=/app/db" in told
    assert "DB_ENV_FOO=1" in told
    assert f"DB_PORT_80_TCP=tcp://{address}:80" in told
    assert [line.split()[:2] for line in told if line.startswith(address)] == [[address, "db"]]
    assert told[-1] == "reached"


def test_a_link_is_a_name_and_can_be_removed(docker: Cli, web: str, busybox: str) -> None:
    docker("run", "-d", "--init", "--name", "app", "--link", f"{web}:db", busybox, "sleep", "600")
    assert "DB_NAME=/app/db" in docker("exec", "app", "env")
    docker("rename", web, "other")
    docker("rename", "other", web)
    (shown,) = json.loads(docker("inspect", "app"))
    assert shown["HostConfig"]["Links"] == ["/web:/app/db"]
    names = ("ps", "--no-trunc", "--format", "{{.Names}}", "--filter", "name=web")
    assert sorted(docker(*names).split(",")) == ["app/db", "web"]
    docker("rm", "--link", "app/db")
    assert docker(*names) == "web"
    assert docker("ps", "-q", "--filter", "name=app")
    assert "such container" in docker.fails("rm", "--link", "app/db")
    assert "default link name" in docker.fails("rm", "--link", "app")


def test_links_that_cannot_be(docker: Cli, web: str, busybox: str) -> None:
    refused = docker.fails("create", "--link", "nobody:db", busybox)
    assert "could not get container for nobody" in refused
    docker("create", "--name", "app", "--link", f"{web}:db", busybox, "true")
    docker("kill", web)
    docker("wait", web)
    assert "Cannot link to a non running container: /web AS /app/db" in docker.fails("start", "app")
    docker("rm", web)
    docker("start", "-a", "app")
