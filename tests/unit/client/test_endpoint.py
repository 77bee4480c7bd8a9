"""What --host takes."""

import pytest

from boxship.client.endpoint import TlsConfig, parse_endpoint
from boxship.client.ssh_transport import ssh_command
from boxship.errors import InvalidParameterError


@pytest.mark.parametrize(
    ("url", "scheme", "address", "port"),
    [
        ("unix:///run/x.sock", "unix", "/run/x.sock", 0),
        ("unix://", "unix", "/run/boxship/boxship.sock", 0),
        ("tcp://host", "tcp", "host", 2375),
        ("tcp://host:99", "tcp", "host", 99),
        ("tcp://[::1]:99", "tcp", "::1", 99),
        ("tcp://[::1]", "tcp", "::1", 2375),
        ("127.0.0.1:2375", "tcp", "127.0.0.1", 2375),
        ("http://host:80", "tcp", "host", 80),
        ("https://host", "tcp", "host", 2376),
        ("ssh://user@host:22", "ssh", "user@host", 22),
        ("ssh://host", "ssh", "host", 0),
    ],
)
def test_addresses(url: str, scheme: str, address: str, port: int) -> None:
    endpoint = parse_endpoint(url)
    assert (endpoint.scheme, endpoint.address, endpoint.port) == (scheme, address, port)


def test_a_path_is_put_before_every_call() -> None:
    endpoint = parse_endpoint("tcp://host/prefix/")
    assert endpoint.base_path == "/prefix"
    assert endpoint.http_host == "host:2375"


def test_tls_changes_the_default_port() -> None:
    endpoint = parse_endpoint("tcp://host", TlsConfig("ca", "cert", "key", verify=True))
    assert endpoint.port == 2376
    assert endpoint.tls is not None


@pytest.mark.parametrize("url", ["npipe:////./pipe", "tcp://", "tcp://host:abc", "ssh://-oProxy=x"])
def test_bad_addresses(url: str) -> None:
    with pytest.raises(InvalidParameterError):
        parse_endpoint(url)


def test_ssh_runs_dial_stdio_on_the_other_side() -> None:
    command = ssh_command(parse_endpoint("ssh://me@host:2222"))
    assert command[-5:] == ["--", "me@host", "boxship", "system", "dial-stdio"]
    assert command[command.index("-p") + 1] == "2222"
