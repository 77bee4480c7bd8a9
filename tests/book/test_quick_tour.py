"""The quick tour: an image, a container, a shell in it, and away again."""

import re
import urllib.request

from tests.support.cli import Cli
from tests.support.registry import free_port

HEADER = "CONTAINER ID   IMAGE     COMMAND   CREATED   STATUS    PORTS     NAMES"


def test_pull_and_list(cli: Cli, web_image: str) -> None:
    """S017 S018: progress by layer, digest and status; the table of images."""
    cli.run("rmi", "-f", web_image)
    out = cli("pull", web_image)
    assert "v1: Pulling from library/web" in out
    assert out.count("Pull complete") == 2
    assert re.search(r"^Digest: sha256:[0-9a-f]{64}$", out, re.MULTILINE)
    assert f"Status: Downloaded newer image for {web_image}" in out
    assert out.splitlines()[-1] == f"docker.io/library/{web_image}"
    header, *rows = cli("images").splitlines()
    assert header.split("  ")[0] == "REPOSITORY"
    assert any(re.match(r"web +v1 +[0-9a-f]{12} .+ \S+B$", row) for row in rows)


def test_run_list_stop_remove(cli: Cli, web_image: str) -> None:
    """S019 S020 S023 S024 S025: run -d -p, ps, stop, rm, ps -a."""
    container = cli("run", "--name", "test", "-d", "--init", "-p", "127.0.0.1:0:8080", web_image)
    assert re.fullmatch(r"[0-9a-f]{64}", container)
    row = cli("ps").splitlines()[1]
    assert row.startswith(container[:12])
    assert '"sh ./app.sh"' in row
    assert re.search(r"Up (Less than a|\d+) seconds?", row)
    assert re.search(r"127\.0\.0\.1:\d+->8080/tcp +test$", row)
    address = cli("port", "test", "8080/tcp")
    with urllib.request.urlopen(f"http://{address}/", timeout=10) as answer:
        assert answer.read() == b"<h1>Hello</h1>\n"
    assert "stop the container before" in cli.fails("rm", "test")
    assert cli("stop", "test") == "test"
    assert "Exited (" in cli("ps", "-a")
    assert cli("rm", "test") == "test"
    assert cli("ps", "-a") == HEADER


def test_a_shell_inside(cli: Cli, webserver: str) -> None:
    """S021 S022: an interactive shell that sees only the container's own processes."""
    with cli.terminal("exec", "-it", webserver, "sh") as terminal:
        terminal.expect("#")
        terminal.send("ps | wc -l\n")
        terminal.expect("\n")
        count = terminal.expect("\r\n").strip()
        assert int(count) <= 6
        terminal.send("exit\n")
        assert terminal.wait() == 0


def test_published_on_every_address(cli: Cli, web_image: str) -> None:
    """S019 S029: --publish answers on localhost, 127.0.0.1, ::1 and the host's other addresses."""
    port = free_port()
    cli("run", "-d", "--init", "--name", "web1", "--publish", f"{port}:8080", web_image)
    assert f"0.0.0.0:{port}->8080/tcp" in cli("ps")
    gateway = cli("inspect", "-f", "{{.NetworkSettings.Gateway}}", "web1")
    for host in ("localhost", "127.0.0.1", "[::1]", gateway):
        with urllib.request.urlopen(f"http://{host}:{port}/", timeout=10) as answer:
            assert answer.read() == b"<h1>Hello</h1>\n"
    cli("rm", "-f", "web1")


def test_flags_anywhere_before_the_image(cli: Cli, web_image: str) -> None:
    """S029 S030 S031: long and short flags in any order; -f after the operand."""
    cli("run", "--publish", "127.0.0.1::8080", "-d", "--init", "--name=web1", web_image)
    assert cli("rm", "web1", "-f") == "web1"
