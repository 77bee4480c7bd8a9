"""What networking changes on the host itself, beside links and rules."""

import logging
from pathlib import Path

from boxship.linux.sysctl import read_sysctl, write_sysctl

logger = logging.getLogger(__name__)


def enable_forwarding(version: int) -> None:
    """Let the kernel route between links; says so once when it changes the host."""
    name = "net/ipv4/ip_forward" if version == 4 else "net/ipv6/conf/all/forwarding"
    if read_sysctl(name) == "1":
        return
    try:
        write_sysctl(name, "1")
    except OSError as error:
        logger.warning(
            "IPv%d forwarding is off and cannot be enabled (%s): containers reach only this host; "
            "set %s = 1",
            version,
            error,
            name.replace("/", "."),
        )
        return
    logger.info("enabled IPv%d forwarding (%s = 1)", version, name.replace("/", "."))


def has_ipv6() -> bool:
    """Whether the kernel speaks IPv6 and it is not switched off."""
    return Path("/proc/net/if_inet6").exists() and (
        read_sysctl("net/ipv6/conf/all/disable_ipv6") == "0"
    )


def bridged_frames_are_filtered() -> bool:
    """Whether br_netfilter shows the packet filter what goes from port to port of a bridge."""
    return read_sysctl("net/bridge/bridge-nf-call-iptables") == "1"
