"""From a container to what the runtime is asked to run."""

import os
from dataclasses import replace
from pathlib import Path

from boxship.engine.containers import links, networking, shared
from boxship.engine.containers.container import Container
from boxship.engine.containers.context import Context
from boxship.engine.containers.merge import command_line, process_env
from boxship.engine.containers.mounts import name_file_mounts, to_oci
from boxship.engine.networks.sandbox import Sandbox
from boxship.engine.runtime.workload import (
    Namespaces,
    Process,
    Resources,
    Security,
    Ulimit,
    Workload,
)
from boxship.engine.security import apparmor
from boxship.errors import InvalidParameterError


def build_workload(
    context: Context, container: Container, rootfs: Path, sandbox: Sandbox
) -> Workload:
    """Return everything that the runtime needs to know of a container."""
    host = container.host
    namespaces = _namespaces(context, container, sandbox)
    return Workload(
        id=container.id,
        process=_process(container, links.environment(context, container)),
        rootfs=rootfs,
        read_only_rootfs=host.read_only_rootfs,
        hostname=_hostname(container),
        domainname="" if host.uts_mode == "host" else container.config.domainname,
        mounts=(*name_file_mounts(context, container), *to_oci(context, container)),
        namespaces=namespaces,
        resources=_resources(context, container),
        security=security(context, container),
        sysctls=host.sysctls,
        oom_score_adj=host.oom_score_adj,
        shm_size=0 if shared.ipc_mode(context, container) == "none" else host.shm_size,
        shm_source=shared.shm_source(context, container),
        init_path=_init_path(context, container),
        annotations=host.annotations,
    )


def _process(container: Container, linked: tuple[str, ...]) -> Process:
    config = container.config
    return Process(
        args=command_line(config),
        env=process_env(config, _hostname(container), linked),
        cwd=config.working_dir or "/",
        user=config.user,
        additional_groups=container.host.group_add,
        terminal=config.tty,
        console_size=container.host.console_size if all(container.host.console_size) else None,
    )


def _hostname(container: Container) -> str:
    """A container that shares the host's UTS namespace has its name."""
    if container.host.uts_mode == "host" or container.host.network_mode == "host":
        return container.config.hostname or os.uname().nodename
    return networking.hostname(container)


def _namespaces(context: Context, container: Container, sandbox: Sandbox) -> Namespaces:
    host = container.host
    cgroup = host.cgroupns_mode or context.config.containers.cgroupns_mode
    if not cgroup:
        cgroup = "host" if context.runtime.cgroup_version == 1 else "private"
    return Namespaces(
        network=sandbox.netns_path or "host",
        pid=shared.namespace(context, host.pid_mode, "pid"),
        ipc=shared.namespace(context, shared.ipc_mode(context, container), "ipc"),
        uts="host" if host.uts_mode == "host" else "private",
        cgroup="host" if host.privileged and not host.cgroupns_mode else cgroup,
    )


def _resources(context: Context, container: Container) -> Resources:
    resources = container.host.resources
    given = {ulimit.name for ulimit in resources.ulimits}
    defaults = tuple(
        Ulimit(name=limit.name, soft=limit.soft, hard=limit.hard)
        for limit in context.config.containers.ulimits
        if limit.name not in given
    )
    return replace(
        resources,
        ulimits=(*resources.ulimits, *defaults),
        cgroup_parent=resources.cgroup_parent or context.config.containers.cgroup_parent,
    )


def security(context: Context, container: Container) -> Security:
    """Return who the container's processes are to the kernel.

    Raises InvalidParameterError for a security option that does not exist.
    """
    host = container.host
    options = _security_options(host.security_opt)
    unmasked = "unconfined" in options.get("systempaths", ())
    defaults = context.config.containers
    return Security(
        privileged=host.privileged,
        cap_add=host.cap_add,
        cap_drop=host.cap_drop,
        no_new_privileges=_flag(options, "no-new-privileges", default=defaults.no_new_privileges),
        seccomp=_last(options, "seccomp") or _default_seccomp(defaults.seccomp_profile),
        apparmor=_last(options, "apparmor"),
        selinux=tuple(options.get("label", ())),
        masked_paths=() if unmasked else host.masked_paths,
        readonly_paths=() if unmasked else host.readonly_paths,
        writable_cgroups=_flag(options, "writable-cgroups", default=False),
    )


def apparmor_profile(context: Context, container: Container) -> str:
    """Return the name of a container's profile; empty where the machine has no AppArmor."""
    host = container.host
    wanted = _last(_security_options(host.security_opt), "apparmor")
    default = context.runtime.apparmor_profile
    return apparmor.choose(wanted, default, privileged=host.privileged)


_SECURITY_OPTIONS = frozenset(
    {"apparmor", "label", "no-new-privileges", "seccomp", "systempaths", "writable-cgroups"}
)


def _security_options(given: tuple[str, ...]) -> dict[str, list[str]]:
    """Sort ``name=value`` (or the old ``name:value``) options by name."""
    found: dict[str, list[str]] = {}
    for option in given:
        separator = "=" if "=" in option else ":"
        name, _, value = option.partition(separator)
        if name not in _SECURITY_OPTIONS:
            raise InvalidParameterError(f'invalid --security-opt 2: "{option}"')
        found.setdefault(name, []).append(value)
    return found


def _flag(options: dict[str, list[str]], name: str, *, default: bool) -> bool:
    if name not in options:
        return default
    value = options[name][-1]
    if value not in ("", "true", "false"):
        raise InvalidParameterError(f'invalid --security-opt: "{name}={value}"')
    return value != "false"


def _last(options: dict[str, list[str]], name: str) -> str:
    return options.get(name, [""])[-1]


def _default_seccomp(profile: str) -> str:
    if profile in ("", "unconfined"):
        return profile
    return Path(profile).read_text()


def _init_path(context: Context, container: Container) -> str:
    defaults = context.config.containers
    wanted = defaults.init if container.host.init is None else container.host.init
    return defaults.init_path if wanted else ""
