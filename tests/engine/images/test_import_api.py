"""POST /images/create?fromSrc=…: imports as clients ask for them."""

import bz2
import gzip
import lzma
import os
import socket
from collections.abc import Callable
from urllib.parse import urlencode

import pytest
import zstandard

from tests.support.archives import archive, member
from tests.support.cli import Cli
from tests.support.daemon import Daemon
from tests.support.http import UnixConnection
from tests.support.waiting import wait_until

TAR = archive([member("etc", "dir"), member("etc/own", data=b"own" * 40_000)])
COMPRESSIONS: dict[str, Callable[[bytes], bytes]] = {
    "plain": bytes,
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zstd": zstandard.compress,
}
CONTENT_DIRECTORIES = ("content/ingest", "overlay2/tmp")


def post(daemon: Daemon, body: bytes, **query: str) -> tuple[int, str | None, bytes]:
    """Import from the body; status, content type and answer as they came."""
    connection = UnixConnection(daemon.socket)
    try:
        target = "/images/create?" + urlencode({"fromSrc": "-", **query})
        connection.request("POST", target, body)
        answer = connection.getresponse()
        return answer.status, answer.getheader("Content-Type"), answer.read()
    finally:
        connection.close()


@pytest.mark.parametrize("kind", COMPRESSIONS)
def test_every_compression(daemon: Daemon, boxship: Cli, kind: str) -> None:
    """All are the same layer; the answer is one line with the id, as Docker's."""
    status, content_type, answer = post(daemon, COMPRESSIONS[kind](TAR), repo="imported", tag=kind)
    shown = daemon.get(f"/images/imported:{kind}/json")
    assert (status, content_type) == (200, "application/json")
    assert answer == b'{"status":"%b"}\r\n' % shown["Id"].encode()
    plain = post(daemon, TAR, repo="imported", tag="first")
    assert plain[0] == 200
    assert shown["RootFS"] == daemon.get("/images/imported:first/json")["RootFS"]
    assert shown["Comment"] == "Imported from -"
    saved = boxship.run("save", "-o", "saved.tar", f"imported:{kind}")
    assert saved.returncode == 0, saved.stderr
    boxship("rmi", f"imported:{kind}", "imported:first")
    assert f"imported:{kind}" in boxship("load", "-i", "saved.tar")
    assert daemon.get(f"/images/imported:{kind}/json")["Id"] == shown["Id"]
    boxship("rmi", f"imported:{kind}")
    (boxship.cwd / "saved.tar").unlink()


def test_platform_message_and_changes(daemon: Daemon, boxship: Cli) -> None:
    image = boxship(
        "import",
        "--platform=linux/arm64",
        "-m",
        "made by hand",
        "-c",
        "ENV A=1",
        "-c",
        "CMD $A run",
        "-",
        "imported:arm",
        stdin=TAR,
    )
    shown = daemon.get("/images/imported:arm/json")
    assert shown["Id"] == image
    assert (shown["Os"], shown["Architecture"]) == ("linux", "arm64")
    assert shown["Comment"] == "made by hand"
    assert shown["Config"]["Env"] == ["A=1"]
    assert shown["Config"]["Cmd"] == ["/bin/sh", "-c", "$A run"]
    (step,) = daemon.get("/images/imported:arm/history")
    assert step["Comment"] == "made by hand"
    boxship("rmi", "imported:arm")


MALFORMED = {
    "rubbish": (b"x" * 2000, "tar"),
    "cut off": (TAR[:1000], "cut off"),
    "cut off gzip": (gzip.compress(TAR)[:-20], "cut off"),
    "damaged xz": (lzma.compress(TAR)[:40] + b"\0" * 300, "damaged|cut off"),
    "nothing but a magic": (b"BZh", "cut off|damaged"),
}


@pytest.mark.parametrize("what", MALFORMED)
def test_malformed_archives(daemon: Daemon, boxship: Cli, what: str) -> None:
    data, words = MALFORMED[what]
    images = boxship("images", "-qa")
    status, _, answer = post(daemon, data, repo="bad")
    assert status == 400
    assert any(word in answer.decode() for word in words.split("|")), answer
    assert boxship("images", "-qa") == images
    wait_until(lambda: leftovers(daemon) == [])


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"repo": "Upper"}, "must be lowercase"),
        ({"repo": "a", "tag": ".bad"}, "invalid tag format"),
        ({"changes": "RUN x"}, "run is not a valid change command"),
        ({"changes": 'SHELL ["x"]'}, "shell is not a valid change command"),
        ({"platform": "a/b/c/d"}, "a/b/c/d"),
    ],
)
def test_refusals(daemon: Daemon, query: dict[str, str], words: str) -> None:
    status, _, answer = post(daemon, TAR, **query)
    assert status == 400, answer
    assert words in answer.decode()


def test_a_server_that_is_not_there(daemon: Daemon) -> None:
    status, _, answer = post(daemon, b"", fromSrc="http://127.0.0.1:1/root.tar")
    assert status == 500
    assert answer.startswith(b'{"message":"cannot download http://127.0.0.1:1/root.tar: Get')
    assert b"connection refused" in answer


def leftovers(daemon: Daemon) -> list[str]:
    return [name for at in CONTENT_DIRECTORIES for name in os.listdir(daemon.data_root / at)]


def test_a_client_that_leaves_in_the_middle(daemon: Daemon, boxship: Cli) -> None:
    """What came of the archive goes, and there is no image."""
    images = boxship("images", "-qa")
    large = archive([member("large", data=os.urandom(4 << 20))])
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(daemon.socket))
        head = "POST /images/create?fromSrc=-&repo=half HTTP/1.1\r\nHost: x\r\nContent-Length: "
        client.sendall(f"{head}{len(large)}\r\n\r\n".encode() + large[: 3 << 20])
        wait_until(lambda: len(leftovers(daemon)) == 2)
    wait_until(lambda: leftovers(daemon) == [])
    assert boxship("images", "-qa") == images


@pytest.mark.parametrize("command", [["save", "busybox"], ["export", "still"]])
def test_archives_are_not_written_to_a_terminal(
    boxship: Cli, busybox: str, command: list[str]
) -> None:
    boxship("create", "--name", "still", busybox, "sh")
    with boxship.terminal(*command) as terminal:
        assert terminal.wait() == 1
        assert b"cowardly refusing to save to a terminal. Use the -o flag" in terminal.output
    boxship("rm", "still")
