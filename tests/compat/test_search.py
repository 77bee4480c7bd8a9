"""``search`` of Docker Hub, which a stand-in plays under its own name, by both clients."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.support import internet
from tests.support.cli import Cli
from tests.support.daemon import Daemon

ADDRESS = "127.0.0.9"
LONG = "Official build of Nginx. " + "It serves pages, and then some more of them. " * 3
REPOSITORIES = [
    {"name": "nginx", "description": LONG, "star_count": 20123, "is_official": True},
    {"name": "nginx/unit", "description": "", "star_count": 64, "is_official": False},
    {"name": "bitnami/nginx", "description": "Bitnami\nnginx\r\nimage", "star_count": 180},
]


class Hub:
    """Answers ``/v1/search`` as Docker Hub does; ``queries`` are what it was asked."""

    def __init__(self) -> None:
        self.queries: list[dict[str, list[str]]] = []
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                owner.queries.append(parse_qs(parts.query))
                body = json.dumps(owner.page(parts.path)).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer((ADDRESS, 80), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def page(self, path: str) -> dict[str, object]:
        """One page with everything."""
        if path != "/v1/search":
            return {}
        whole = [{"is_automated": False, "is_official": False} | one for one in REPOSITORIES]
        return {
            "num_pages": 1,
            "num_results": len(whole),
            "page": 1,
            "page_size": 25,
            "query": "nginx",
            "results": whole,
        }

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture(scope="module")
def hub(scratch_root: Path) -> Iterator[Hub]:
    """Docker Hub's search, under its name."""
    hub = Hub()
    directory = scratch_root / "search"
    directory.mkdir()
    with internet.names(directory, {"index.docker.io": ADDRESS}):
        yield hub
    hub.close()


@pytest.fixture(scope="module")
def daemon(scratch_root: Path, hub: Hub) -> Iterator[Daemon]:
    """A daemon that believes the stand-in, which has no certificate."""
    settings = {"insecure-registries": ["index.docker.io"]}
    daemon = Daemon(scratch_root / "search-daemon", config=settings)
    daemon.start()
    hub.queries.clear()
    yield daemon
    daemon.destroy()


@pytest.mark.parametrize(
    ("words", "lines"),
    [
        (
            ("nginx",),
            [
                "NAME DESCRIPTION STARS OFFICIAL",
                "nginx Official build of Nginx. It serves pages, an… 20123 [OK]",
                "nginx/unit 64",
                "bitnami/nginx Bitnami nginx image 180",
            ],
        ),
        (("--filter", "stars=100", "--format", "{{.Name}}", "nginx"), ["nginx", "bitnami/nginx"]),
        (
            ("--filter", "is-official=true", "--format", "{{.Name}}: {{.IsOfficial}}", "nginx"),
            ["nginx: [OK]"],
        ),
        (("--limit", "1", "--format", "{{.StarCount}}", "nginx"), ["20123"]),
        (("--no-trunc", "--limit", "1", "--format", "{{.Description}}", "nginx"), [LONG.strip()]),
    ],
)
def test_it_shows_what_docker_hub_finds(
    boxship: Cli, docker: Cli, words: tuple[str, ...], lines: list[str]
) -> None:
    shown = boxship("search", *words)
    told = [" ".join(line.split()) for line in shown.splitlines()]
    assert told == [" ".join(line.split()) for line in lines]
    if "version 20." not in docker("--version"):  # its table has one column more
        assert docker("search", *words) == shown


def test_it_asks_as_docker_does(boxship: Cli, hub: Hub) -> None:
    """For the name without the registry and ``library/``."""
    hub.queries.clear()
    boxship("search", "--limit", "7", "docker.io/library/nginx")
    assert hub.queries == [{"q": ["nginx"], "n": ["7"]}]
