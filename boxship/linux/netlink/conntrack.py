"""Connection tracking: forgetting flows whose translation is out of date.

Source: linux/netfilter/nfnetlink_conntrack.h.
"""

import ipaddress
import struct

from boxship.linux.netlink.message import Request, attribute, parse_attributes
from boxship.linux.netlink.socket import NetlinkError, RouteSocket

NETLINK_NETFILTER = 12
UDP = 17

_SUBSYSTEM = 1 << 8
_CT_GET = _SUBSYSTEM | 1
_CT_DELETE = _SUBSYSTEM | 2
_GENERIC = struct.Struct("=BBH")
"""family, version, resource id"""
_TUPLE_ORIG, _TUPLE_REPLY = 1, 2
_TUPLE_IP, _TUPLE_PROTO = 1, 2
_IP_V4_SRC, _IP_V6_SRC = 1, 3
_PROTO_NUM = 1
_NESTED = 0x8000


def forget_flows(address: str, protocol: int) -> int:
    """Delete the flows of one protocol that are answered by ``address``; return how many.

    A datagram flow lives as long as its client keeps sending, and with it the translation to a
    container that is gone. Acts in the namespace of the calling thread.
    """
    wanted = ipaddress.ip_address(address)
    family, source = (2, _IP_V4_SRC) if wanted.version == 4 else (10, _IP_V6_SRC)
    head = _GENERIC.pack(family, 0, 0)
    requests = []
    with RouteSocket(NETLINK_NETFILTER) as conntrack:
        for message in conntrack.dump(_CT_GET, head):
            found = parse_attributes(message.body[_GENERIC.size :])
            reply = parse_attributes(found.get(_TUPLE_REPLY, b""))
            addresses = parse_attributes(reply.get(_TUPLE_IP, b""))
            number = parse_attributes(reply.get(_TUPLE_PROTO, b"")).get(_PROTO_NUM)
            if addresses.get(source) == wanted.packed and number == bytes([protocol]):
                body = head + attribute(_TUPLE_ORIG | _NESTED, found[_TUPLE_ORIG])
                requests.append(Request(_CT_DELETE, 0, body, f"forget a flow to {address}"))
        for request in requests:
            try:
                conntrack.request([request])
            except NetlinkError:
                # It ended by itself in the meantime.
                continue
    return len(requests)
