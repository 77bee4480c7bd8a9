"""An image's execution configuration in the words of a container's, and back."""

from msgspec import structs

from boxship.engine.containers.container import ContainerConfig, Healthcheck
from boxship.oci.image import ExecutionConfig, HealthcheckConfig, OriginConfig


def from_image(config: ExecutionConfig) -> ContainerConfig:
    """Return what an image gives to its containers."""
    return ContainerConfig(
        image="",
        user=config.user,
        env=tuple(config.env),
        cmd=_optional(config.cmd),
        entrypoint=_optional(config.entrypoint),
        working_dir=config.working_dir,
        labels=dict(config.labels),
        exposed_ports=tuple(config.exposed_ports),
        volumes=tuple(config.volumes),
        stop_signal=config.stop_signal,
        shell=tuple(config.shell),
        on_build=tuple(config.on_build),
        healthcheck=_health(config.healthcheck),
    )


def to_image(config: ContainerConfig) -> ExecutionConfig:
    """Return what an image of a container gives to its own containers."""
    return ExecutionConfig(
        user=config.user,
        exposed_ports={port: {} for port in config.exposed_ports},
        env=list(config.env),
        cmd=None if config.cmd is None else list(config.cmd),
        healthcheck=_health_config(config.healthcheck),
        volumes={path: {} for path in config.volumes},
        working_dir=config.working_dir,
        entrypoint=None if config.entrypoint is None else list(config.entrypoint),
        on_build=list(config.on_build),
        labels=dict(config.labels),
        stop_signal=config.stop_signal,
        shell=list(config.shell),
    )


def to_origin(config: ContainerConfig) -> OriginConfig:
    """Return what an image's document says of the container out of which it was made."""
    return OriginConfig(**structs.asdict(to_image(config)), image=config.image)


def _optional(words: list[str] | None) -> tuple[str, ...] | None:
    return None if words is None else tuple(words)


def _health(config: HealthcheckConfig | None) -> Healthcheck | None:
    if config is None:
        return None
    return Healthcheck(
        test=tuple(config.test),
        interval_ns=config.interval,
        timeout_ns=config.timeout,
        start_period_ns=config.start_period,
        start_interval_ns=config.start_interval,
        retries=config.retries,
    )


def _health_config(check: Healthcheck | None) -> HealthcheckConfig | None:
    if check is None:
        return None
    return HealthcheckConfig(
        test=list(check.test),
        interval=check.interval_ns,
        timeout=check.timeout_ns,
        start_period=check.start_period_ns,
        start_interval=check.start_interval_ns,
        retries=check.retries,
    )
