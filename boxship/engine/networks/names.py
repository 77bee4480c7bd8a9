"""Which addresses the names of containers stand for, seen from a container."""

import ipaddress
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from boxship.engine.networks.sandbox import Endpoint, Sandbox


@dataclass(slots=True)
class _Zone:
    """The names on one network."""

    addresses: dict[str, list[str]] = field(default_factory=dict)
    """Lower-case name → addresses of both families."""
    names: dict[str, str] = field(default_factory=dict)
    """Address → name."""

    def add(self, endpoint: Endpoint) -> None:
        addresses = [address for address in (endpoint.ipv4, endpoint.ipv6) if address]
        network = endpoint.network_name.lower()
        for name in endpoint.dns_names:
            for spelling in (name.lower(), f"{name.lower()}.{network}"):
                self.addresses.setdefault(spelling, []).extend(addresses)
        for address in addresses:
            self.names[address] = f"{endpoint.dns_names[0]}.{endpoint.network_name}"


class NameDirectory:
    """Answers from the sandboxes at hand; made anew after a change, when it is next asked."""

    def __init__(self, sandboxes: Callable[[], Iterable[Sandbox]]) -> None:
        self._sandboxes = sandboxes
        self._zones: dict[str, _Zone] | None = None

    def invalidate(self) -> None:
        """Forget what was made: a sandbox has come, gone or changed."""
        self._zones = None

    def addresses(self, asking: Sandbox, name: str, version: int) -> Sequence[str] | None:
        """Return the addresses of a name, in any order; None when no container has it.

        Names of ``--link`` come first; they are the asking container's alone. Empty when the name
        is known but has no address of this version.
        """
        found: list[str] | None = None
        for endpoint, zone in self._zones_of(asking):
            known = zone.addresses.get(_linked(endpoint, name))
            if known is not None:
                found = [*(found or ()), *known]
        if found is None:
            return None
        chosen = [text for text in found if ipaddress.ip_address(text).version == version]
        random.shuffle(chosen)
        return chosen

    def name(self, asking: Sandbox, address: str) -> str:
        """Return the name of an address; empty when it is no container's."""
        for _, zone in self._zones_of(asking):
            if address in zone.names:
                return zone.names[address]
        return ""

    def _zones_of(self, asking: Sandbox) -> Iterable[tuple[Endpoint, _Zone]]:
        if self._zones is None:
            self._zones = {}
            for sandbox in self._sandboxes():
                for endpoint in sandbox.endpoints:
                    if endpoint.dns_names:
                        self._zones.setdefault(endpoint.network_id, _Zone()).add(endpoint)
        zones = self._zones
        return [
            (endpoint, zones[endpoint.network_id])
            for endpoint in asking.endpoints
            if endpoint.network_id in zones
        ]


def _linked(endpoint: Endpoint, name: str) -> str:
    """Return the name of the container that a link calls ``name``, or ``name`` itself."""
    for link in endpoint.links:
        target, _, alias = link.partition(":")
        if (alias or target).lower() == name:
            return target.lower()
    return name
