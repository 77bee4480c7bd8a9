"""The engine's own packet filter table: maps and sets, filled as containers come and go.

docs/networking.md draws the way of a packet through it. The rules never change; networks and
published ports are elements, so that the thousandth costs as much as the first.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from boxship.linux.nftables import Nftables, NftablesError

_RULES = """
table inet {table} {{
  set bridges {{ type ifname; }}
  set internal {{ type ifname; }}
  set foreign {{ type ifname; }}
  set hairpin4 {{ type ipv4_addr . ifname; flags interval; }}
  set hairpin6 {{ type ipv6_addr . ifname; flags interval; }}
  set connected {{ type ifname . ifname; }}
  set masquerade4 {{ type ipv4_addr; flags interval; }}
  set masquerade6 {{ type ipv6_addr; flags interval; }}
  set routed4 {{ type ipv4_addr . inet_proto . inet_service; }}
  set routed6 {{ type ipv6_addr . inet_proto . inet_service; }}
  set trusted4 {{ type ifname . ipv4_addr . inet_proto . inet_service; }}
  set trusted6 {{ type ifname . ipv6_addr . inet_proto . inet_service; }}
  set pinged4 {{ type ifname; }}
  set pinged6 {{ type ifname; }}
  set unprotected4 {{ type ifname; }}
  set unprotected6 {{ type ifname; }}
  map publish4 {{ type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service; }}
  map publish6 {{ type ipv6_addr . inet_proto . inet_service : ipv6_addr . inet_service; }}
  map publish4_any {{ type inet_proto . inet_service : ipv4_addr . inet_service; }}
  map publish6_any {{ type inet_proto . inet_service : ipv6_addr . inet_service; }}
  chain martians {{
    type filter hook prerouting priority raw; policy accept;
    iifname @bridges ip daddr 127.0.0.0/8 drop
  }}
  chain prerouting {{
    type nat hook prerouting priority dstnat; policy accept;
    ip daddr 127.0.0.0/8 return
    fib daddr type local jump publish
  }}
  chain output {{
    type nat hook output priority -100; policy accept;
    ip6 daddr ::1 return
    fib daddr type local jump publish
  }}
  chain publish {{
    dnat ip to ip daddr . meta l4proto . th dport map @publish4
    dnat ip6 to ip6 daddr . meta l4proto . th dport map @publish6
    dnat ip to meta l4proto . th dport map @publish4_any
    dnat ip6 to meta l4proto . th dport map @publish6_any
  }}
  chain postrouting {{
    type nat hook postrouting priority srcnat; policy accept;
    oifname @bridges ip saddr 127.0.0.0/8 masquerade
    ct status dnat ip saddr . oifname @hairpin4 masquerade
    ct status dnat ip6 saddr . oifname @hairpin6 masquerade
    oifname @bridges return
    ip saddr @masquerade4 masquerade
    ip6 saddr @masquerade6 masquerade
  }}
  chain forward {{
    type filter hook forward priority filter; policy accept;
    oifname @bridges jump inbound
    iifname @internal drop
    iifname @bridges oifname @foreign ct state new ct status ! dnat drop
  }}
  chain inbound {{
    ct state established,related accept
    iifname . oifname @connected accept
    ct status dnat accept
    iifname @internal drop
    ip daddr . meta l4proto . th dport @routed4 accept
    ip6 daddr . meta l4proto . th dport @routed6 accept
    iifname . ip daddr . meta l4proto . th dport @trusted4 accept
    iifname . ip6 daddr . meta l4proto . th dport @trusted6 accept
    oifname @pinged4 meta l4proto icmp accept
    oifname @pinged6 meta l4proto ipv6-icmp accept
    iifname @bridges drop
    meta nfproto ipv4 oifname @unprotected4 accept
    meta nfproto ipv6 oifname @unprotected6 accept
    drop
  }}
}}
"""


class Element(NamedTuple):
    """An element of one of the table's sets or maps."""

    container: str
    """Name of the set or map."""
    key: str
    value: str = ""

    def addition(self) -> str:
        """Return it as ``add element`` wants it."""
        return f"{self.key} : {self.value}" if self.value else self.key


class Firewall:
    """Keeps the table equal to what networks and containers need.

    The table exists exactly while a container is on a network: with the last one it goes.
    """

    def __init__(self, table: str, open_nftables: Callable[[], Nftables]) -> None:
        """``open_nftables`` is called in the host's namespace when the table is first needed."""
        self.table = table
        self._open_nftables = open_nftables
        self._nftables: Nftables | None = None
        self._networks: dict[str, frozenset[Element]] = {}
        self._containers: dict[str, frozenset[Element]] = {}
        self._present = False

    @property
    def needed(self) -> bool:
        """Whether a container is on a network."""
        return bool(self._containers)

    def set_network(self, network_id: str, elements: Iterable[Element]) -> None:
        """Put a network's elements in force. Raises NftablesError; nothing changes then."""
        self._replace(self._networks, network_id, frozenset(elements))

    def remove_network(self, network_id: str) -> None:
        """Take a network's elements out."""
        self._replace(self._networks, network_id, None)

    def set_container(self, container_id: str, elements: Iterable[Element]) -> None:
        """Put a container's published ports in force. Raises NftablesError."""
        self._replace(self._containers, container_id, frozenset(elements))

    def remove_container(self, container_id: str) -> None:
        """Take a container's published ports out; with the last container, the whole table."""
        self._replace(self._containers, container_id, None)

    def rebuild(
        self,
        networks: Mapping[str, Iterable[Element]],
        containers: Mapping[str, Iterable[Element]],
    ) -> None:
        """Make the table anew in one transaction, whatever is there: after a restart."""
        self._networks = {key: frozenset(value) for key, value in networks.items()}
        self._containers = {key: frozenset(value) for key, value in containers.items()}
        if self._containers:
            self._create()
        else:
            self._drop()

    def close(self) -> None:
        """Close the library; the table stays for the containers that live on."""
        if self._nftables is not None:
            self._nftables.close()
            self._nftables = None

    def run(self, commands: str) -> list[dict[str, object]]:
        """Run other commands in the same context."""
        if self._nftables is None:
            self._nftables = self._open_nftables()
        return self._nftables.run(commands)

    def _replace(
        self, group: dict[str, frozenset[Element]], key: str, wanted: frozenset[Element] | None
    ) -> None:
        before = group.get(key)
        if wanted is None:
            group.pop(key, None)
        else:
            group[key] = wanted
        try:
            self._update(before or frozenset(), wanted or frozenset())
        except BaseException:
            if before is None:
                group.pop(key, None)
            else:
                group[key] = before
            raise

    def _update(self, before: frozenset[Element], wanted: frozenset[Element]) -> None:
        if not self._containers:
            if self._present:
                self._drop()
        elif not self._present:
            self._create()
        elif before != wanted:
            try:
                self._change(before, wanted)
            except NftablesError:
                # Somebody has flushed or changed the table: all of it, then, in one transaction.
                self._create()

    def _change(self, before: frozenset[Element], wanted: frozenset[Element]) -> None:
        gone = [
            f"delete element inet {self.table} {element.container} {{ {element.key} }}"
            for element in before - wanted
        ]
        self.run("\n".join(gone + self._additions(wanted - before)))

    def _create(self) -> None:
        groups = (*self._networks.values(), *self._containers.values())
        elements = {element for group in groups for element in group}
        # Adding before deleting makes the deletion valid whether or not the table is there.
        commands = [f"add table inet {self.table}", f"delete table inet {self.table}"]
        commands.append(_RULES.format(table=self.table))
        self.run("\n".join(commands + self._additions(elements)))
        self._present = True

    def _drop(self) -> None:
        self.run(f"add table inet {self.table}\ndelete table inet {self.table}")
        self._present = False

    def _additions(self, elements: Iterable[Element]) -> list[str]:
        """Return one command per set, since the library evaluates each command anew."""
        grouped: dict[str, list[str]] = {}
        for element in sorted(elements):
            grouped.setdefault(element.container, []).append(element.addition())
        return [
            f"add element inet {self.table} {name} {{ {', '.join(members)} }}"
            for name, members in grouped.items()
        ]
