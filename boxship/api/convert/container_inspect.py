"""A container as ``GET /containers/{id}/json`` shows it."""

from collections.abc import Mapping
from dataclasses import dataclass

from msgspec import UNSET, UnsetType, to_builtins

from boxship.api.convert.container_config import config_json
from boxship.api.convert.container_network import network_settings
from boxship.api.convert.host_config import host_config_json
from boxship.api.convert.times import timestamp
from boxship.api.schema import containers as schema
from boxship.api.schema.host_config import HostConfig
from boxship.api.versions import ApiVersion
from boxship.engine.config import ContainerDefaults
from boxship.engine.containers.container import Container, ContainerState, MountPoint, Status
from boxship.engine.networks.sandbox import Sandbox
from boxship.oci.descriptor import Descriptor


@dataclass(frozen=True, slots=True, kw_only=True)
class InspectFacts:
    """What is shown of a container beside its own record."""

    defaults: ContainerDefaults
    sandbox: Sandbox | None = None
    log_path: str = ""
    files_dir: str = ""
    """Where its ``hosts``, ``hostname`` and ``resolv.conf`` are; empty: nowhere."""
    driver: str = ""
    driver_data: Mapping[str, str] | None = None
    apparmor_profile: str = ""
    """Empty: none."""
    links: tuple[str, ...] = ()
    """``/child:/parent/alias``"""
    exec_ids: tuple[str, ...] = ()
    manifest: Descriptor | None = None
    """Of the image's manifest, its platform among it; None where the image is gone."""
    sizes: tuple[int, int] | None = None
    """Bytes of the writable layer and of the whole root file system, when asked for."""


def inspect_json(
    container: Container, facts: InspectFacts, version: ApiVersion
) -> schema.Inspected:
    """Write a container in full."""
    size_rw, size_root_fs = facts.sizes or (UNSET, UNSET)
    return schema.Inspected(
        id=container.id,
        created=timestamp(container.created_at_ns),
        path=container.path,
        args=list(container.args),
        state=state_json(container.state),
        image=container.image_id,
        resolv_conf_path=_file(facts, "resolv.conf"),
        hostname_path=_file(facts, "hostname"),
        hosts_path=_file(facts, "hosts"),
        log_path=facts.log_path,
        name=f"/{container.name}",
        restart_count=container.state.restart_count,
        driver=facts.driver,
        platform=container.image_platform.partition("/")[0] or "linux",
        image_manifest_descriptor=manifest_json(facts.manifest, version),
        app_armor_profile=facts.apparmor_profile,
        exec_ids=list(facts.exec_ids) or None,
        host_config=_host_config(container, facts),
        graph_driver=schema.GraphDriver(
            name=facts.driver, data=dict(facts.driver_data) if facts.driver_data else None
        ),
        size_rw=size_rw,
        size_root_fs=size_root_fs,
        mounts=mounts_json(container),
        config=config_json(container.config),
        network_settings=network_settings(container, facts.sandbox, version),
    )


def manifest_json(
    manifest: Descriptor | None, version: ApiVersion
) -> dict[str, object] | UnsetType:
    """Write the descriptor of a container's image, since 1.48."""
    return to_builtins(manifest) if manifest and version >= (1, 48) else UNSET


def _host_config(container: Container, facts: InspectFacts) -> HostConfig:
    out = host_config_json(container.host, facts.defaults)
    out.runtime = container.runtime or out.runtime
    out.links = list(facts.links) or None
    return out


def _file(facts: InspectFacts, name: str) -> str:
    return f"{facts.files_dir}/{name}" if facts.files_dir else ""


def state_json(state: ContainerState) -> schema.State:
    """Write State; a paused container counts as running, as does one between two starts."""
    status = state.status
    return schema.State(
        status=status.value,
        running=status in (Status.RUNNING, Status.PAUSED, Status.RESTARTING),
        paused=status is Status.PAUSED,
        restarting=status is Status.RESTARTING,
        oom_killed=state.oom_killed,
        dead=status is Status.DEAD,
        pid=state.pid,
        exit_code=state.exit_code,
        error=state.error,
        started_at=timestamp(state.started_at_ns),
        finished_at=timestamp(state.finished_at_ns),
        health=_health_json(state) if state.health else UNSET,
    )


def _health_json(state: ContainerState) -> schema.Health:
    results = [
        schema.HealthResult(
            start=timestamp(probe.started_at_ns),
            end=timestamp(probe.ended_at_ns),
            exit_code=probe.exit_code,
            output=probe.output,
        )
        for probe in state.probes
    ]
    return schema.Health(status=state.health, failing_streak=state.failing_streak, log=results)


def mounts_json(container: Container) -> list[schema.MountPoint]:
    """Write Mounts; what ``--tmpfs`` asked for is not among them, as in Docker."""
    tmpfs = container.host.tmpfs
    return [
        _mount_json(mount)
        for mount in container.mounts
        if not (mount.type == "tmpfs" and mount.destination in tmpfs)
    ]


def _mount_json(mount: MountPoint) -> schema.MountPoint:
    return schema.MountPoint(
        type=mount.type,
        name=(mount.source if mount.type == "image" else mount.name) or UNSET,
        source="" if mount.type == "image" else mount.source,
        destination=mount.destination,
        driver=mount.driver or UNSET,
        mode=mount.mode,
        rw=mount.read_write,
        propagation=mount.propagation,
    )
