"""Checks of networks on an interface of the host, where the kernel has ipvlan, VLAN and dummy."""

from tests.guest import kit
from tests.guest.kit import boxship, equal, expect

_PARENT = "port0"


def _address(container: str) -> str:
    return boxship(
        "inspect", "-f", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", container
    )


def _start_pair(network: str) -> None:
    serve = "while true; do echo hello | nc -l -p 80; done"
    boxship(
        "run", "-d", "--init", "--name", "one", "--network", network, "busybox", "sh", "-c", serve
    )
    boxship(
        "run", "-d", "--init", "--name", "two", "--network", network, "busybox", "sleep", "1000"
    )


def _neighbour_answers() -> bool:
    call = ("busybox", "nc", "-w", "5", _address("one"), "80")
    return kit.run("boxship", "exec", "two", *call).stdout.strip() == "hello"


def _remove(network: str) -> None:
    boxship("rm", "-f", "one", "two")
    boxship("network", "rm", network)


def parent_is_there() -> None:
    kit.output("ip", "link", "add", _PARENT, "type", "dummy")
    kit.output("ip", "link", "set", _PARENT, "up")


def macvlan_without_a_parent_stands_on_a_dummy() -> None:
    identity = boxship("network", "create", "-d", "macvlan", "inner")
    link = f"dm-{identity[:12]}"
    expect("dummy" in kit.output("ip", "-d", "link", "show", link), link)
    _start_pair("inner")
    kit.until(_neighbour_answers, "an answer of the neighbour")
    expect("default" not in boxship("exec", "two", "ip", "route"), "a default route")
    _remove("inner")
    expect(kit.run("ip", "link", "show", link).returncode != 0, link)


def vlan_comes_and_goes_with_its_network() -> None:
    link = f"{_PARENT}.100"
    boxship("network", "create", "-d", "macvlan", "-o", f"parent={link}", "tagged")
    expect("id 100" in kit.output("ip", "-d", "link", "show", link), link)
    _start_pair("tagged")
    kit.until(_neighbour_answers, "an answer of the neighbour")
    _remove("tagged")
    expect(kit.run("ip", "link", "show", link).returncode != 0, link)


def ipvlan_works_in_every_mode() -> None:
    for mode in ("l2", "l3", "l3s"):
        options = ("-o", f"parent={_PARENT}", "-o", f"ipvlan_mode={mode}")
        boxship("network", "create", "-d", "ipvlan", "--subnet", "10.99.0.0/24", *options, "shared")
        _start_pair("shared")
        kit.until(_neighbour_answers, f"an answer of the neighbour in mode {mode}")
        route = boxship("exec", "two", "ip", "route")
        expect(("via" in route) == (mode == "l2"), route)
        shown = kit.output(
            "nsenter", f"--net={_namespace('two')}", "ip", "-d", "link", "show", "eth0"
        )
        expect(f"mode {mode} bridge" in shown, shown)
        _remove("shared")


def _namespace(container: str) -> str:
    return f"/proc/{kit.pid_of(container)}/ns/net"


def parent_is_left_alone() -> None:
    equal(boxship("network", "ls", "-q", "--filter", "type=custom"), "")
    kit.output("ip", "link", "delete", _PARENT)


CHECKS = (
    parent_is_there,
    macvlan_without_a_parent_stands_on_a_dummy,
    vlan_comes_and_goes_with_its_network,
    ipvlan_works_in_every_mode,
    parent_is_left_alone,
)
