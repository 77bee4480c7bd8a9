"""A second network namespace that plays the network outside: ``host (192.0.2.1) -- LAN (.2)``."""

import subprocess
from collections.abc import Sequence

HOST_ADDRESS = "192.0.2.1"
HOST_ADDRESS_V6 = "2001:db8:1::1"
OUTSIDE_ADDRESS = "192.0.2.2"
OUTSIDE_ADDRESS_V6 = "2001:db8:1::2"
_LINK = "lan0"


class Lan:
    """The outside; the test run's own namespace routes everything unknown to it."""

    def __init__(self, name: str) -> None:
        self.name = name

    def start(self) -> None:
        """Make the namespace and the link."""
        ip("netns", "add", self.name)
        ip("link", "add", _LINK, "type", "veth", "peer", "name", "eth0", "netns", self.name)
        ip("addr", "add", f"{HOST_ADDRESS}/24", "dev", _LINK)
        ip("-6", "addr", "add", f"{HOST_ADDRESS_V6}/64", "dev", _LINK, "nodad")
        ip("link", "set", _LINK, "up")
        self.run(["ip", "addr", "add", f"{OUTSIDE_ADDRESS}/24", "dev", "eth0"])
        self.run(["ip", "-6", "addr", "add", f"{OUTSIDE_ADDRESS_V6}/64", "dev", "eth0", "nodad"])
        self.run(["ip", "link", "set", "eth0", "up"])
        self.run(["ip", "link", "set", "lo", "up"])
        ip("route", "add", "default", "via", OUTSIDE_ADDRESS)
        ip("-6", "route", "add", "default", "via", OUTSIDE_ADDRESS_V6)

    def run(self, command: Sequence[str]) -> str:
        """Run a command outside, with success; return its standard output."""
        done = subprocess.run(
            ["ip", "netns", "exec", self.name, *command], capture_output=True, text=True
        )
        assert done.returncode == 0, f"{command}: {done.stderr}"
        return done.stdout

    def start_process(self, command: Sequence[str]) -> subprocess.Popen[bytes]:
        """Start a command outside; the caller ends it."""
        return subprocess.Popen(["ip", "netns", "exec", self.name, *command])

    def stop(self) -> None:
        """Remove link and namespace."""
        ip("link", "del", _LINK)
        ip("netns", "del", self.name)


def ip(*args: str) -> None:
    """Run ip(8) in the test run's own namespace."""
    subprocess.run(["ip", *args], check=True, capture_output=True)
