"""Which commands the packet filter gets."""

from typing import Any

import pytest

from boxship.engine.networks import ports
from boxship.engine.networks.firewall import Element, Firewall
from boxship.engine.networks.sandbox import Endpoint, PublishedPort
from boxship.linux.nftables import NftablesError


class Recorder:
    """Takes commands in place of the kernel."""

    def __init__(self) -> None:
        self.commands: list[str] = []
        self.refuses = False

    def run(self, commands: str) -> list[dict[str, Any]]:
        if self.refuses:
            raise NftablesError("refused")
        self.commands.append(commands)
        return []

    def text(self, command: str) -> str:
        raise NftablesError(f"no such table: {command}")

    def close(self) -> None:
        pass


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def firewall(recorder: Recorder) -> Firewall:
    return Firewall("boxship", lambda: recorder)  # type: ignore[arg-type, return-value]


WEB = Element("publish4_any", "tcp . 8080", "172.17.0.2 . 80")


def test_nothing_is_there_without_containers(firewall: Firewall, recorder: Recorder) -> None:
    firewall.set_network("n", [Element("bridges", '"docker0"')])
    assert recorder.commands == []
    firewall.set_container("c", [])
    assert 'add element inet boxship bridges { "docker0" }' in recorder.commands[0]
    firewall.remove_container("c")
    assert recorder.commands[-1].endswith("delete table inet boxship")


def test_only_differences_are_sent(firewall: Firewall, recorder: Recorder) -> None:
    firewall.set_container("a", [])
    firewall.set_container("b", [WEB])
    assert recorder.commands[1:] == [
        "add element inet boxship publish4_any { tcp . 8080 : 172.17.0.2 . 80 }"
    ]
    firewall.set_container("b", [WEB])
    firewall.remove_container("b")
    assert recorder.commands[2:] == ["delete element inet boxship publish4_any { tcp . 8080 }"]


def test_a_refusal_changes_nothing(firewall: Firewall, recorder: Recorder) -> None:
    firewall.set_container("a", [])
    recorder.refuses = True
    with pytest.raises(NftablesError):
        firewall.set_container("b", [WEB])
    recorder.refuses = False
    firewall.remove_container("b")
    assert len(recorder.commands) == 1


def test_elements_of_ports() -> None:
    endpoint = Endpoint(network_id="n", network_name="n", endpoint_id="e", ipv4="172.17.0.2")
    published = [
        PublishedPort(container_port=80, protocol="tcp", host_ip="0.0.0.0", host_port=8080),
        PublishedPort(container_port=80, protocol="tcp", host_ip="::", host_port=8080),
        PublishedPort(container_port=53, protocol="udp", host_ip="127.0.0.1", host_port=53),
    ]
    assert list(ports.translations(published, endpoint)) == [
        WEB,
        Element("publish4", "127.0.0.1 . udp . 53", "172.17.0.2 . 53"),
    ]
