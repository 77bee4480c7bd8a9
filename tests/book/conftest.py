"""Walkthroughs: each test shows the acceptance items that its docstring names (Sxxx)."""

from collections.abc import Iterator

import pytest

from boxship.entrypoints import base_image
from boxship.oci.image import ExecutionConfig
from tests.support import images
from tests.support.cli import Cli
from tests.support.daemon import Daemon
from tests.support.registry import Registry, push_image

_APP = "exec httpd -f -p 8080 -h /src"


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
def webserver(boxship: Cli, daemon: Daemon, web_image: str) -> Iterator[str]:
    """The walkthroughs' running web server; its name."""
    boxship("run", "-d", "--init", "--name", "webserver", "-p", "127.0.0.1::8080", web_image)
    yield "webserver"
    boxship.run("rm", "-f", "webserver")
    assert daemon.get("/containers/json?all=1") == []
