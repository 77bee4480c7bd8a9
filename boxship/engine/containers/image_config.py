"""An image's execution configuration in the words of a container's."""

from boxship.engine.containers.container import ContainerConfig, Healthcheck
from boxship.oci.image import ExecutionConfig, HealthcheckConfig


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
