"""Names and digests that are none: refused with the same words by every route and client."""

from urllib.parse import quote

import pytest

from tests.support.cli import Cli
from tests.support.daemon import Daemon

_FORMAT = "invalid reference format"
_ZEROS = "0" * 64
_HEXADECIMAL = f"invalid repository name ({_ZEROS}), cannot specify 64-byte hexadecimal strings"


def _lowercase(name: str) -> str:
    return f"{_FORMAT}: repository name ({name}) must be lowercase"


_NAMES = {
    "UPPER": _lowercase("library/UPPER"),
    "team/Upper:x": _lowercase("team/Upper"),
    "app:" + "t" * 129: _FORMAT,
    "app:-x": _FORMAT,
    "app:a/b": _FORMAT,
    "app:": _FORMAT,
    "app:ü": _FORMAT,
    "ünïcode": _FORMAT,
    "..": _FORMAT,
    "../etc/passwd": _FORMAT,
    "a/../b": _FORMAT,
    "a b": _FORMAT,
    " ": _FORMAT,
    "a\nb": _FORMAT,
    "-a": _FORMAT,
    "a___b": _FORMAT,
    "a@b@c": _FORMAT,
    "host:port/a": _FORMAT,
    "a/" * 130 + "b": "repository name must not be more than 255 characters",
    "app@sha256:abc": _FORMAT,
    "app@sha256:" + "g" * 64: _FORMAT,
    "app@" + _ZEROS: _FORMAT,
    "app@sha256:" + "0" * 40: "invalid checksum digest length",
    "app@sha256:" + "AB" * 32: "invalid checksum digest format",
    "app@md5:" + "0" * 32: "unsupported digest algorithm",
}
_CLIENTS_SAY = {
    name: words
    for name, words in _NAMES.items()
    if name.isascii() and name.strip() and not name.startswith("-") and "\n" not in name
}
"""Those that a command line hands on as a name."""


def _short(name: str) -> str:
    return name if len(name) < 24 else f"{name[:20]}…"


@pytest.mark.parametrize(("name", "words"), _NAMES.items(), ids=[_short(name) for name in _NAMES])
def test_every_route_refuses(daemon: Daemon, busybox: str, name: str, words: str) -> None:
    text, path = quote(name, safe=""), quote(name, safe="/:@")
    for method, target in (
        ("POST", f"/images/create?fromImage={text}"),
        ("POST", f"/images/create?fromSrc=-&repo={text}"),
        ("POST", f"/images/{busybox}/tag?repo={text}"),
        ("GET", f"/images/{path}/json"),
        ("GET", f"/images/{path}/history"),
        ("GET", f"/images/{path}/get"),
        ("GET", f"/images/get?names={text}"),
        ("POST", f"/images/{path}/push"),
        ("DELETE", f"/images/{path}"),
        ("GET", f"/distribution/{path}/json"),
    ):
        assert daemon.request(method, target) == (400, {"message": words}), target
    status, answer = daemon.request("POST", "/containers/create", {"Image": name})
    assert (status, answer["message"]) == (400, words)


def test_hexadecimal_names(daemon: Daemon, busybox: str) -> None:
    """They could be IDs: a new name must not look like one."""
    for target in (f"/images/create?fromImage={_ZEROS}", f"/images/{busybox}/tag?repo={_ZEROS}"):
        assert daemon.request("POST", target) == (400, {"message": _HEXADECIMAL})
    assert daemon.request("GET", f"/images/{_ZEROS}/json") == (
        404,
        {"message": f"No such image: {_ZEROS}"},
    )


def test_tags_and_digests_beside_names(daemon: Daemon, busybox: str) -> None:
    for target, words in (
        (f"/images/create?fromImage=app&tag={'t' * 129}", "invalid tag format"),
        ("/images/create?fromImage=app&tag=..", "invalid tag format"),
        ("/images/create?fromImage=app&tag=sha256:00", "invalid checksum digest length"),
        (f"/images/{busybox}/tag?repo=app&tag=a%20b", "invalid tag format"),
        (f"/images/{busybox}/tag?repo=app@sha256:{_ZEROS}", "refusing to create a tag with a "),
    ):
        status, answer = daemon.request("POST", target)
        assert status == 400
        assert answer["message"].startswith(words)


def test_a_port_that_no_host_has(daemon: Daemon) -> None:
    words = 'Get "https://127.0.0.1:99999/v2/": dial tcp: address 99999: invalid port'
    target = "/images/create?fromImage=127.0.0.1:99999/app&tag=v1"
    assert daemon.request("POST", target) == (400, {"message": words})


def _refusals(cli: Cli, busybox: str, name: str) -> dict[str, str]:
    return {
        "pull": cli.fails("pull", name, code=1),
        "tag": cli.fails("tag", busybox, name, code=1),
        "push": cli.fails("push", name, code=1),
        "rmi": cli.fails("rmi", name, code=1),
        "run": cli.fails("run", "--rm", name, code=125),
    }


@pytest.mark.parametrize("name", ["UPPER", "app:-x", "app@sha256:" + "0" * 40])
def test_clients_pass_the_words_on(docker: Cli, boxship: Cli, busybox: str, name: str) -> None:
    """The stock client checks some names itself, the old one in fewer words."""
    for command, said in _refusals(docker, busybox, name).items():
        assert _CLIENTS_SAY[name].partition(":")[0] in said, command
    for command, said in _refusals(boxship, busybox, name).items():
        assert _CLIENTS_SAY[name] in said, command


@pytest.mark.parametrize("name", _CLIENTS_SAY, ids=_short)
def test_our_command_refuses(boxship: Cli, name: str) -> None:
    assert _CLIENTS_SAY[name] in boxship.fails("pull", name, code=1)
