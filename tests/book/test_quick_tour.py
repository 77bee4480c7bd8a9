"""The quick tour: an image, a container, a shell in it, and away again."""

import re
import urllib.request

from tests.support.cli import Cli

HEADER = "CONTAINER ID   IMAGE     COMMAND   CREATED   STATUS    PORTS     NAMES"


def test_pull_and_list(boxship: Cli, web_image: str) -> None:
    """S017 S018: progress by layer, digest and status; the table of images."""
    boxship.run("rmi", "-f", web_image)
    out = boxship("pull", web_image)
    assert "v1: Pulling from library/web" in out
    assert out.count("Pull complete") == 2
    assert re.search(r"^Digest: sha256:[0-9a-f]{64}$", out, re.MULTILINE)
    assert f"Status: Downloaded newer image for {web_image}" in out
    assert out.splitlines()[-1] == f"docker.io/library/{web_image}"
    header, *rows = boxship("images").splitlines()
    assert header.split("  ")[0] == "REPOSITORY"
    assert any(re.match(r"web +v1 +[0-9a-f]{12} .+ \S+B$", row) for row in rows)


def test_run_list_stop_remove(boxship: Cli, web_image: str) -> None:
    """S019 S020 S023 S024 S025: run -d -p, ps, stop, rm, ps -a."""
    container = boxship(
        "run", "--name", "test", "-d", "--init", "-p", "127.0.0.1:0:8080", web_image
    )
    assert re.fullmatch(r"[0-9a-f]{64}", container)
    row = boxship("ps").splitlines()[1]
    assert row.startswith(container[:12])
    assert '"sh ./app.sh"' in row
    assert re.search(r"Up (Less than a|\d+) seconds?", row)
    assert re.search(r"127\.0\.0\.1:\d+->8080/tcp +test$", row)
    address = boxship("port", "test", "8080/tcp")
    with urllib.request.urlopen(f"http://{address}/", timeout=10) as answer:
        assert answer.read() == b"<h1>Hello</h1>\n"
    assert "stop the container before" in boxship.fails("rm", "test")
    assert boxship("stop", "test") == "test"
    assert "Exited (" in boxship("ps", "-a")
    assert boxship("rm", "test") == "test"
    assert boxship("ps", "-a") == HEADER


def test_a_shell_inside(boxship: Cli, webserver: str) -> None:
    """S021 S022: an interactive shell that sees only the container's own processes."""
    with boxship.terminal("exec", "-it", webserver, "sh") as terminal:
        terminal.expect("#")
        terminal.send("ps | wc -l\n")
        terminal.expect("\n")
        count = terminal.expect("\r\n").strip()
        assert int(count) <= 6
        terminal.send("exit\n")
        assert terminal.wait() == 0


def test_flags_anywhere_before_the_image(boxship: Cli, web_image: str) -> None:
    """S029 S030 S031: long and short flags in any order; -f after the operand."""
    boxship("run", "--publish", "127.0.0.1::8080", "-d", "--init", "--name=web1", web_image)
    assert boxship("rm", "web1", "-f") == "web1"
