"""Listening sockets: whose they are, who may use them, what is refused."""

import os
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from boxship.daemon import sockets
from boxship.daemon.config import DaemonConfig, build_config
from boxship.daemon.options import merge
from boxship.daemon.sockets import Listener, open_listeners
from boxship.errors import BoxshipError, ConflictError, InternalError, InvalidParameterError


def config_of(*hosts: str, **flags: str) -> DaemonConfig:
    given = {name.replace("_", "-"): [value] for name, value in flags.items()}
    return build_config(merge({"hosts": list(hosts), **given}, {}))


@contextmanager
def listening(config: DaemonConfig) -> Iterator[list[Listener]]:
    listeners = open_listeners(config)
    try:
        yield listeners
    finally:
        for listener in listeners:
            listener.close()


def test_a_unix_socket_is_for_its_owner_and_group(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "api.sock"
    with listening(config_of(f"unix://{path}", group="0")) as (listener,):
        mode = path.stat()
        assert stat.S_IMODE(mode.st_mode) == 0o660
        assert mode.st_gid == 0
        assert listener.host == f"unix://{path}"
    assert not path.exists()


def test_a_missing_group_is_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "api.sock"
    with listening(config_of(str(path), group="no-such-group")):
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
    assert "group no-such-group not found" in caplog.text


def test_a_stale_socket_is_replaced_and_a_live_one_refused(tmp_path: Path) -> None:
    path = tmp_path / "api.sock"
    stale = socket.socket(socket.AF_UNIX)
    stale.bind(str(path))
    stale.close()
    config = config_of(f"unix://{path}", group="0")
    with listening(config), pytest.raises(ConflictError, match="another daemon is listening"):
        open_listeners(config)


def test_a_file_that_is_no_socket_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "api.sock"
    path.write_text("precious")
    with pytest.raises(ConflictError, match="not a socket"):
        open_listeners(config_of(f"unix://{path}"))
    assert path.read_text() == "precious"


def test_all_sockets_or_none(tmp_path: Path) -> None:
    path = tmp_path / "api.sock"
    with pytest.raises(InvalidParameterError, match="unsupported proto 'http'"):
        open_listeners(config_of(f"unix://{path}", "http://x", group="0"))
    assert not path.exists()


@pytest.mark.parametrize("address", ["0.0.0.0:0", "[::]:0", "192.0.2.1:0", "example.org:0"])
def test_plain_tcp_is_for_loopback_only(address: str) -> None:
    with pytest.raises(InvalidParameterError, match="root on this machine"):
        open_listeners(config_of(f"tcp://{address}"))


@pytest.mark.parametrize("address", ["127.0.0.1:0", "[::1]:0", "localhost:0", ":0"])
def test_plain_tcp_on_loopback(address: str) -> None:
    with listening(config_of(f"tcp://{address}")) as (listener,):
        assert listener.sock.getsockname()[0] in {"127.0.0.1", "::1"}
        assert not listener.encrypted


def test_plain_tcp_elsewhere_on_demand() -> None:
    with listening(config_of("tcp://0.0.0.0:0", allow_insecure_tcp="true")) as (listener,):
        assert listener.sock.getsockname()[0] == "0.0.0.0"


def test_a_port_in_use_and_a_bad_port(tmp_path: Path) -> None:
    del tmp_path
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(InternalError, match=f"cannot listen on tcp://127.0.0.1:{port}"):
            open_listeners(config_of(f"tcp://127.0.0.1:{port}"))
    with pytest.raises(InvalidParameterError, match="invalid port number: x"):
        open_listeners(config_of("tcp://127.0.0.1:x"))


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("", ("127.0.0.1", 2375)),
        ("127.0.0.1", ("127.0.0.1", 2375)),
        (":8080", ("127.0.0.1", 8080)),
        ("[::1]", ("::1", 2375)),
        ("[::1]:80/", ("::1", 80)),
        ("h:1", ("h", 1)),
    ],
)
def test_tcp_addresses(address: str, expected: tuple[str, int]) -> None:
    assert sockets._split_tcp(address, 2375) == expected


def test_sockets_of_a_service_manager(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as passed:
        passed.bind(str(tmp_path / "passed.sock"))
        passed.listen()
        monkeypatch.setattr(sockets, "FIRST_PASSED_FD", os.dup(passed.fileno()))
        monkeypatch.setenv("LISTEN_FDS", "1")
        monkeypatch.setenv("LISTEN_PID", str(os.getpid()))
        monkeypatch.setenv("LISTEN_FDNAMES", "boxship.socket")
        with listening(config_of("fd://boxship.socket")) as (listener,):
            assert listener.sock.getsockname() == str(tmp_path / "passed.sock")
            with pytest.raises(InvalidParameterError, match="no socket named 'other'"):
                open_listeners(config_of("fd://other"))
    monkeypatch.setenv("LISTEN_PID", "1")
    with pytest.raises(InvalidParameterError, match="socket activation"):
        open_listeners(config_of("fd://"))


def test_tls_files_that_cannot_be_used(tmp_path: Path) -> None:
    path = tmp_path / "x.pem"
    path.write_text("nonsense")
    flags = {"tls": "true", "tlscert": str(path), "tlskey": str(path)}
    tls = config_of("tcp://127.0.0.1:0", **flags).tls
    assert tls is not None
    with pytest.raises(BoxshipError, match="could not load X509 key pair"):
        sockets.tls_context(tls)
