"""Checks of a creation that need nothing but the request itself, in Docker's words.

The rules are those of moby's ``verifyContainerSettings`` and ``runconfig`` package. What needs the
host or other objects (volumes, runtimes, other containers) is checked where those are used.
"""

import ipaddress
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from boxship.engine.containers import probes
from boxship.engine.containers.binds import check_mount, check_path, parse_bind, parse_volumes_from
from boxship.engine.containers.container import (
    ContainerConfig,
    ContainerRequest,
    Healthcheck,
    HostConfig,
    RestartPolicy,
)
from boxship.engine.containers.restart import COUNTING_POLICIES
from boxship.engine.containers.signals import parse_signal
from boxship.engine.containers.validate_resources import check_resources
from boxship.engine.logs.drivers.table import check_driver
from boxship.engine.security.capabilities import normalize
from boxship.errors import InvalidParameterError

_MILLISECOND: Final = 1_000_000
_NAME: Final = re.compile(r"/?[a-zA-Z0-9][a-zA-Z0-9_.-]+")
_POLICIES: Final = ("no", "always", "on-failure", "on-unhealthy", "unless-stopped")
_ISOLATIONS: Final = frozenset({"", "default"})
_NO_NETWORK_OF_ITS_OWN: Final = "host"


def validate(
    request: ContainerRequest,
    *,
    cpus: int | None = None,
    exists: Callable[[str], bool] = os.path.exists,
) -> list[str]:
    """Check a request; returns warnings for the user.

    ``cpus``: how many the host has (None: ask it); ``exists``: whether a bind source is there.
    Raises InvalidParameterError for the first thing that is wrong.
    """
    check_name(request.name)
    _check_config(request.config)
    host = request.host
    _check_modes(host)
    _check_network(request)
    _check_mounts(host, request.config.volumes, exists)
    _check_process(host)
    check_restart_policy(host.restart_policy)
    if host.auto_remove and host.restart_policy.name not in ("", "no"):
        raise InvalidParameterError("can't create 'AutoRemove' container with restart policy")
    return [*check_resources(host.resources, cpus), *_warnings(host)]


def check_name(name: str) -> None:
    """Raise InvalidParameterError unless ``name`` may be a container's (empty: to be chosen)."""
    if name and not _NAME.fullmatch(name):
        raise InvalidParameterError(
            f"Invalid container name ({name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed"
        )


def check_restart_policy(policy: RestartPolicy) -> None:
    """Raise InvalidParameterError for an unknown policy or a count it cannot have."""
    if policy.name not in ("", *_POLICIES):
        words = "', '".join(_POLICIES[:-1])
        raise InvalidParameterError(
            f"invalid restart policy: unknown policy '{policy.name}'; "
            f"use one of '{words}', or '{_POLICIES[-1]}'"
        )
    count = policy.maximum_retry_count
    if policy.name in COUNTING_POLICIES:
        if count < 0:
            raise InvalidParameterError(
                "invalid restart policy: maximum retry count cannot be negative"
            )
    elif count != 0:
        tail = " and cannot be negative" if count < 0 else ""
        raise InvalidParameterError(
            "invalid restart policy: maximum retry count can only be used with 'on-failure'" + tail
        )


def _check_config(config: ContainerConfig) -> None:
    if config.working_dir and not config.working_dir.startswith("/"):
        raise InvalidParameterError(
            f"the working directory '{config.working_dir}' is invalid, "
            "it needs to be an absolute path"
        )
    parse_signal(config.stop_signal, default=0)
    for entry in config.env:
        if not entry.partition("=")[0]:
            raise InvalidParameterError(f"invalid environment variable: {entry}")
    for text in (*config.env, *(config.cmd or ()), *(config.entrypoint or ())):
        if "\0" in text:
            raise InvalidParameterError(
                "invalid argument: a command and its environment cannot contain a NUL byte"
            )
    if config.healthcheck is not None:
        _check_healthcheck(config.healthcheck)


def _check_healthcheck(check: Healthcheck) -> None:
    times = (
        ("Interval", check.interval_ns),
        ("Timeout", check.timeout_ns),
        ("StartPeriod", check.start_period_ns),
        ("StartInterval", check.start_interval_ns),
    )
    for name, value in times:
        if value != 0 and value < _MILLISECOND:
            raise InvalidParameterError(f"{name} in Healthcheck cannot be less than 1ms")
    if check.retries < 0:
        raise InvalidParameterError("Retries in Healthcheck cannot be negative")
    kind = check.test[0] if check.test else "NONE"
    if kind in (probes.HTTP, probes.TCP):
        probes.check_target(kind, check.test[1:])
    elif kind not in ("NONE", "CMD", "CMD-SHELL"):
        raise InvalidParameterError(
            f"unknown type in Healthcheck: {kind} (use NONE, CMD, CMD-SHELL, HTTP or TCP)"
        )


def _check_modes(host: HostConfig) -> None:
    rules = (
        ("IPC mode", host.ipc_mode, {"", "private", "host", "none", "shareable"}, True),
        ("PID mode", host.pid_mode, {"", "host", "private"}, True),
        ("UTS mode", host.uts_mode, {"", "host", "private"}, False),
        ("user namespace mode", host.userns_mode, {"", "host"}, False),
        ("cgroup namespace mode", host.cgroupns_mode, {"", "host", "private"}, False),
    )
    for what, mode, words, may_join in rules:
        kind, _, target = mode.partition(":")
        joins = may_join and kind == "container" and target
        if mode not in words and not joins:
            raise InvalidParameterError(f"invalid {what}: {mode}")
    if host.isolation not in _ISOLATIONS:
        raise InvalidParameterError(
            f"invalid isolation: \"{host.isolation}\" - linux only supports 'default'"
        )


def _check_network(request: ContainerRequest) -> None:
    host, config = request.host, request.config
    mode, _, target = host.network_mode.partition(":")
    joins = mode == "container"
    if joins and not target:
        raise InvalidParameterError(
            "Invalid network mode: invalid container format container:<name|id>"
        )
    if host.uts_mode == "host" and (config.hostname or config.domainname):
        what = "hostname" if config.hostname else "domainname"
        raise InvalidParameterError(f"conflicting options: {what} and the UTS mode")
    if joins:
        _check_joined_network(request)
    if host.links and (joins or mode == _NO_NETWORK_OF_ITS_OWN):
        kind = "container" if joins else "host"
        raise InvalidParameterError(
            f"conflicting options: {kind} type networking can't be used with links. "
            "This would result in undefined behavior"
        )
    _check_addresses(request)


def _check_joined_network(request: ContainerRequest) -> None:
    """A container inside another's network cannot have networking of its own."""
    host, config = request.host, request.config
    conflicts = (
        (config.hostname, "hostname and the network mode"),
        (host.dns, "dns and the network mode"),
        (host.extra_hosts, "custom host-to-IP mapping and the network mode"),
        (config.mac_address, "mac-address and the network mode"),
        (
            host.port_bindings or host.publish_all_ports,
            "port publishing and the container type network mode",
        ),
        (config.exposed_ports, "port exposing and the container type network mode"),
        (
            request.endpoints,
            "container cannot be both network connected and joined to another's network",
        ),
    )
    for given, text in conflicts:
        if given:
            raise InvalidParameterError(f"conflicting options: {text}")


def _check_addresses(request: ContainerRequest) -> None:
    host = request.host
    for entry in host.extra_hosts:
        name, address = _split_host(entry)
        if not name:
            raise InvalidParameterError(f'bad format for add-host: "{entry}"')
        if address != "host-gateway" and not _is_address(address.strip("[]")):
            raise InvalidParameterError(f'invalid IP address in add-host: "{address}"')
    for server in host.dns:
        if not _is_address(server):
            raise InvalidParameterError(f"bad nameserver address {server}")
    for endpoint in request.endpoints:
        for address in filter(None, (endpoint.ipv4, endpoint.ipv6, *endpoint.link_local_ips)):
            if not _is_address(address):
                raise InvalidParameterError(
                    f"invalid endpoint settings: invalid IP address: {address}"
                )


def _split_host(entry: str) -> tuple[str, str]:
    name, _, address = entry.partition(":")
    return (name, address) if address else ("", "")


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _check_mounts(host: HostConfig, volumes: Iterable[str], exists: Callable[[str], bool]) -> None:
    taken: set[str] = set()
    for target in _mount_targets(host, exists):
        if target in taken:
            raise InvalidParameterError(f"Duplicate mount point: {target}")
        taken.add(target)
    for path in volumes:
        check_path(path)
    for text in host.volumes_from:
        parse_volumes_from(text)


def _mount_targets(host: HostConfig, exists: Callable[[str], bool]) -> Iterator[str]:
    """Check each mount and yield where it goes."""
    for text in host.binds:
        yield parse_bind(text).spec.target
    for spec in host.mounts:
        check_mount(spec, exists)
        yield os.path.normpath(spec.target)
    for path in host.tmpfs:
        check_path(path)
        yield os.path.normpath(path)


def _check_process(host: HostConfig) -> None:
    check_driver(host.log_driver or "local", host.log_opts)
    if not -1000 <= host.oom_score_adj <= 1000:
        raise InvalidParameterError(
            f"Invalid value {host.oom_score_adj}, range for oom score adj is [-1000, 1000]"
        )
    if host.shm_size < 0:
        raise InvalidParameterError("SHM size can not be less than 0")
    for field, names in (("CapAdd", host.cap_add), ("CapDrop", host.cap_drop)):
        for name in names:
            _check_capability(field, name)
    _check_sysctls(host.sysctls)
    for group in host.group_add:
        if not group:
            raise InvalidParameterError("invalid group: GroupAdd has an empty entry")


def _check_capability(field: str, name: str) -> None:
    try:
        normalize((name,))
    except InvalidParameterError:
        raise InvalidParameterError(f'invalid {field}: unknown capability: "{name}"') from None


def _check_sysctls(sysctls: Mapping[str, str]) -> None:
    for name in sysctls:
        if not name or "\0" in name or ".." in name or name.startswith("/"):
            raise InvalidParameterError(f"sysctl '{name}' is not allowed")


def _warnings(host: HostConfig) -> Iterator[str]:
    publishes = host.port_bindings or host.publish_all_ports
    if publishes and host.network_mode == _NO_NETWORK_OF_ITS_OWN:
        yield "Published ports are discarded when using host network mode"
