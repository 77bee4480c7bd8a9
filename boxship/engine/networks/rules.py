"""The rules of the engine's table. docs/networking.md draws the way of a packet through it."""

from pathlib import Path

from boxship.errors import InvalidParameterError

ADMIN_CHAIN = "admin"
"""Every forwarded packet passes it first; its rules are the admin's."""

RULES = """
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
    jump admin
    oifname @bridges jump inbound
    iifname @internal drop
    iifname @bridges oifname @foreign ct state new ct status ! dnat drop
  }}
  chain admin {{
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


def read_rules(path: str) -> list[str]:
    """Return the rules in the admin's file, one a line, without comments.

    Raises InvalidParameterError when it cannot be read: what should be kept out stays out.
    """
    try:
        lines = Path(path).read_text().splitlines() if path else []
    except OSError as error:
        raise InvalidParameterError(f"firewall-rules {path}: {error.strerror}") from error
    return [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]


def chain_rules(listing: str) -> dict[str, list[str]]:
    """Return the rules of each chain of a table, as nft(8) writes it.

    Neither the line of a base chain's hook nor anything of sets and maps is among them.
    """
    found: dict[str, list[str]] = {}
    current: list[str] | None = None
    for line in map(str.strip, listing.splitlines()):
        words = line.split()
        if words[:1] == ["chain"]:
            current = found.setdefault(words[1], [])
        elif line == "}":
            current = None
        elif current is not None and line and words[0] != "type":
            current.append(line)
    return found
