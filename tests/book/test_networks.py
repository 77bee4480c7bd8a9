"""Networks: what is there, what one makes, who reaches whom."""

import json
import re
import urllib.request
from collections.abc import Iterator

import pytest

from tests.support.cli import Cli
from tests.support.daemon import Daemon
from tests.support.lan import HOST_ADDRESS, Lan, ip
from tests.support.waiting import wait_until

_LINK = "lan0"
_PAGE = "mkdir /www && echo hello > /www/index.html && exec httpd -f -p 80 -h /www"


@pytest.fixture
def localnet(cli: Cli, daemon: Daemon) -> Iterator[str]:
    """A bridge network of the walkthrough's own."""
    assert re.fullmatch(r"[0-9a-f]{64}", cli("network", "create", "-d", "bridge", "localnet"))
    yield "localnet"
    for container in daemon.get("/containers/json?all=1"):
        daemon.request("DELETE", f"/containers/{container['Id']}?force=1")
    daemon.request("DELETE", "/networks/localnet")


def _start(cli: Cli, name: str, network: str, image: str, *flags: str, page: bool = False) -> None:
    command = ("sh", "-c", _PAGE) if page else ("sleep", "900")
    cli("run", "-d", "--init", "--name", name, "--network", network, *flags, image, *command)


def _is_served(cli: Cli, client: str, address: str, port: int) -> bool:
    fetch = f"printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 2 {address} {port}"
    return "hello" in cli.run("exec", client, "sh", "-c", fetch).stdout


def test_the_networks_that_are_always_there(cli: Cli, daemon: Daemon, busybox: str) -> None:
    """S207 S208 S209 S210: bridge is a Linux bridge, and the default."""
    lines = cli("network", "ls").splitlines()
    assert lines[0].split() == ["NETWORK", "ID", "NAME", "DRIVER", "SCOPE"]
    assert sorted(line.split()[1:] for line in lines[1:]) == [
        ["bridge", "bridge", "local"],
        ["host", "host", "local"],
        ["none", "null", "local"],
    ]
    (shown,) = json.loads(cli("network", "inspect", "bridge"))
    link = shown["Options"]["com.docker.network.bridge.name"]
    assert shown["IPAM"]["Config"][0]["Subnet"]
    ip("link", "show", link, "type", "bridge")
    container = cli("run", "-d", "--init", busybox, "sleep", "900")
    members = daemon.get("/networks/bridge")["Containers"]
    assert list(members) == [container]


def test_a_network_of_ones_own(cli: Cli, localnet: str, busybox: str) -> None:
    """S204 S211 S212 S213: its bridge, an endpoint in it, what inspect shows."""
    _start(cli, "c1", localnet, busybox)
    link = "br-" + cli("network", "inspect", localnet, "--format", "{{.Id}}")[:12]
    ip("link", "show", link, "type", "bridge")
    members = json.loads(cli("network", "inspect", localnet, "--format", "{{json .Containers}}"))
    (member,) = members.values()
    assert member["Name"] == "c1"
    address = member["IPv4Address"].partition("/")[0]
    assert f"inet {address}/" in cli("exec", "c1", "ip", "addr", "show", "eth0")
    cli("network", "connect", "bridge", "c1")
    endpoints = json.loads(cli("inspect", "c1", "--format", "{{json .NetworkSettings.Networks}}"))
    assert sorted(endpoints) == ["bridge", localnet]
    refused = cli.run("network", "rm", localnet)
    assert f"network {localnet} has active endpoints" in refused.stderr
    cli("rm", "-f", "c1")


def test_names(cli: Cli, localnet: str, busybox: str) -> None:
    """S214 S215 S226 S227: names on networks of one's own, none on the default one; --dns."""
    _start(cli, "c1", localnet, busybox, "--network-alias", "first")
    _start(cli, "c2", localnet, busybox, "--dns", "192.0.2.53", "--dns-search", "example.com")
    for name in ("c1", "first"):
        found = cli("exec", "c2", "nslookup", name, "127.0.0.11")
        assert "Address: " in found.partition(name)[2]
    assert "search example.com" in cli("exec", "c2", "cat", "/etc/resolv.conf")
    cli("run", "-d", "--init", "--name", "plain", "--dns", "192.0.2.53", busybox, "sleep", "900")
    assert "nameserver 192.0.2.53" in cli("exec", "plain", "cat", "/etc/resolv.conf")
    assert "c1" not in cli("exec", "plain", "cat", "/etc/hosts").split()


@pytest.mark.usefixtures("lan")
def test_a_published_port(cli: Cli, localnet: str, busybox: str) -> None:
    """S216 S217 S218: reached from the host and, by its address, from another network."""
    _start(cli, "web", localnet, busybox, "--publish", "5005:80", page=True)
    # Clients before 23.0 write :::5005.
    shown = cli("port", "web").replace(":::", "[::]:").splitlines()
    assert shown == ["80/tcp -> 0.0.0.0:5005", "80/tcp -> [::]:5005"]
    cli("run", "-d", "--init", "--name", "client", busybox, "sleep", "900")
    wait_until(lambda: _is_served(cli, "client", HOST_ADDRESS, 5005))
    with urllib.request.urlopen("http://127.0.0.1:5005/", timeout=5) as answer:
        assert answer.read() == b"hello\n"
    own = '{{(index .NetworkSettings.Networks "localnet").IPAddress}}'
    assert not _is_served(cli, "client", cli("inspect", "web", "--format", own), 80)


def test_a_container_on_the_lan(cli: Cli, daemon: Daemon, lan: Lan, busybox: str) -> None:
    """S220 S221 S230: macvlan; addresses come from the range; a neighbour for the LAN."""
    subnet = ("--subnet=10.0.0.0/24", "--ip-range=10.0.0.128/25", "--gateway=10.0.0.1")
    cli("network", "create", "-d", "macvlan", *subnet, "-o", f"parent={_LINK}", "macvlan100")
    try:
        (shown,) = json.loads(cli("network", "inspect", "macvlan100"))
        assert (shown["Driver"], shown["Options"]) == ("macvlan", {"parent": _LINK})
        _start(cli, "mactainer1", "macvlan100", busybox, page=True)
        lan.run(["ip", "addr", "add", "10.0.0.1/24", "dev", "eth0"])
        members = daemon.get("/networks/macvlan100")["Containers"].values()
        (address,) = (member["IPv4Address"] for member in members)
        assert address == "10.0.0.128/24"
        assert "default via 10.0.0.1" in cli("exec", "mactainer1", "ip", "route")
        fetch = ["curl", "-s", "--retry", "9", "--retry-connrefused", "http://10.0.0.128/"]
        assert lan.run(fetch) == "hello\n"
        cli("rm", "-f", "mactainer1")
    finally:
        daemon.request("DELETE", "/containers/mactainer1?force=1")
        daemon.request("DELETE", "/networks/macvlan100")
    assert "macvlan100" not in cli("network", "ls")


def test_prune(cli: Cli, localnet: str, busybox: str) -> None:
    """S231: what nobody is on goes."""
    _start(cli, "c1", localnet, busybox)
    cli("network", "create", "unused")
    assert "Deleted Networks:\nunused" in cli("network", "prune", "-f")
    assert localnet in cli("network", "ls", "--format", "{{.Name}}").split()


def test_configurations(cli: Cli, daemon: Daemon) -> None:
    """A configuration, and a network that is made from it."""
    cli("network", "create", "--config-only", "--subnet", "10.77.0.0/24", "plan")
    try:
        cli("network", "create", "--config-from", "plan", "real")
        template = "{{.Driver}} {{.ConfigOnly}} {{.ConfigFrom.Network}}"
        assert cli("network", "inspect", "plan", "--format", template).split() == ["null", "true"]
        shown = cli("network", "inspect", "real", "--format", template)
        assert shown == "bridge false plan"
        assert daemon.get("/networks/real")["IPAM"]["Config"][0]["Gateway"] == "10.77.0.1"
        assert 'configuration network "plan" is in use' in cli.run("network", "rm", "plan").stderr
    finally:
        daemon.request("DELETE", "/networks/real")
        daemon.request("DELETE", "/networks/plan")


def test_explain(boxship: Cli, busybox: str) -> None:
    """From where a port is reached, and why: Boxship's own."""
    flags = ("-p", "8081:80", "-p", "127.0.0.1:8082:81")
    boxship("run", "-d", "--init", "--name", "pub", *flags, busybox, "sleep", "900")
    lines = boxship("network", "explain", "pub", "80").splitlines()
    assert lines[0].split() == ["FROM", "TO", "REACHED", "WHY", "DECIDED", "BY"]
    found = {tuple(re.split(r"  +", line)[:3]) for line in lines[1:]}
    assert ("LAN", "0.0.0.0:8081", "yes") in found
    template = "{{.From}} {{.To}} {{.Verdict}} {{.Rule}}"
    local = boxship("network", "explain", "--format", template, "pub", "81/tcp").splitlines()
    assert "LAN 127.0.0.1:8082 no chain martians" in local
    boxship("rm", "-f", "pub")
    assert "No such container: pub" in boxship.fails("network", "explain", "pub", "80")
