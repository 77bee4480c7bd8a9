"""The Container Network Model: what a container asks of its networks, and what it got.

A sandbox is a network namespace with interfaces, routes and name files; an endpoint joins it to
exactly one network.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointSpec:
    """How a container wants to be on one network (Docker's EndpointSettings at create)."""

    network: str
    """Name or id."""
    ipv4: str = ""
    ipv6: str = ""
    link_local_ips: tuple[str, ...] = ()
    mac_address: str = ""
    aliases: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    driver_opts: Mapping[str, str] = field(default_factory=dict)
    gateway_priority: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PortSpec:
    """One wanted mapping of a container port."""

    container_port: int
    protocol: str
    """``tcp``, ``udp`` or ``sctp``."""
    host_ip: str = ""
    host_port: int = 0
    """0: an ephemeral one."""
    host_port_end: int = 0
    """Last port of a range to choose from; 0: just ``host_port``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedPort:
    """A mapping that is in force."""

    container_port: int
    protocol: str
    host_ip: str
    host_port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxSpec:
    """All that a container wants of networking."""

    container_id: str
    container_name: str
    hostname: str
    domainname: str = ""
    mode: str = "networks"
    """``networks`` (join ``endpoints``), ``host``, ``none``, or ``container:<id>``."""
    endpoints: tuple[EndpointSpec, ...] = ()
    ports: tuple[PortSpec, ...] = ()
    dns: tuple[str, ...] = ()
    dns_search: tuple[str, ...] = ()
    dns_options: tuple[str, ...] = ()
    extra_hosts: tuple[str, ...] = ()
    """``name:address``; the address may be ``host-gateway``."""
    files_dir: Path
    """Where ``hosts``, ``hostname`` and ``resolv.conf`` are written for bind mounting."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A container's place on a network."""

    network_id: str
    network_name: str
    endpoint_id: str
    ipv4: str = ""
    ipv4_prefix: int = 0
    gateway: str = ""
    ipv6: str = ""
    ipv6_prefix: int = 0
    gateway_v6: str = ""
    mac_address: str = ""
    aliases: tuple[str, ...] = ()
    dns_names: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    driver_opts: Mapping[str, str] = field(default_factory=dict)
    gateway_priority: int = 0
    interface: str = ""
    """Name inside the container: ``eth0`` …"""
    link_local_ips: tuple[str, ...] = ()
    sysctls: tuple[tuple[str, str], ...] = ()
    """Name, with ``IFNAME`` for the interface's, and value."""
    device_route: bool = False
    """The default route leads out of the interface, without a gateway."""
    publishes: bool = True
    """Whether the host can publish the container's ports through it."""
    host_link: str = ""
    """Name of the link on the host, where the driver makes one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sandbox:
    """What a container has: kept in the networks' store until it is released."""

    container_id: str
    netns_path: str
    """Path of the namespace to join; empty for ``host``."""
    files_dir: str = ""
    """Directory with the container's ``hosts``, ``hostname`` and ``resolv.conf``; in mode
    ``container:<id>`` the other container's."""
    endpoints: tuple[Endpoint, ...] = ()
    ports: tuple[PublishedPort, ...] = ()
