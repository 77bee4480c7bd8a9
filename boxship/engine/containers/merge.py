"""A container's configuration over its image's: what the user left out comes from the image."""

from collections.abc import Iterable
from dataclasses import replace

from boxship.engine.containers.container import ContainerConfig, Healthcheck
from boxship.errors import InvalidParameterError

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def merge(user: ContainerConfig, image: ContainerConfig) -> ContainerConfig:
    """Return ``user`` completed from ``image``.

    Raises InvalidParameterError when neither says what to run.
    """
    merged = complete(user, image)
    if not merged.entrypoint and not merged.cmd:
        raise InvalidParameterError("no command specified")
    return merged


def complete(user: ContainerConfig, image: ContainerConfig) -> ContainerConfig:
    """Fill what ``user`` leaves out from ``image`` (Docker's runconfig merge)."""
    entrypoint, cmd = _command(user, image)
    return replace(
        user,
        user=user.user or image.user,
        env=_complete_env(user.env, image.env),
        entrypoint=entrypoint,
        cmd=cmd,
        working_dir=user.working_dir or image.working_dir or "",
        labels={**image.labels, **user.labels},
        exposed_ports=_union(user.exposed_ports, image.exposed_ports),
        volumes=_union(user.volumes, image.volumes),
        stop_signal=user.stop_signal or image.stop_signal,
        shell=user.shell or image.shell,
        healthcheck=_merge_health(user.healthcheck, image.healthcheck),
    )


def command_line(config: ContainerConfig) -> tuple[str, ...]:
    """Return what is executed: the entry point followed by the command."""
    return (*(config.entrypoint or ()), *(config.cmd or ()))


def process_env(
    config: ContainerConfig, hostname: str, linked: Iterable[str] = ()
) -> tuple[str, ...]:
    """Return a process's environment: Docker's base, what links tell, then the configured one."""
    base = [f"PATH={DEFAULT_PATH}", f"HOSTNAME={hostname}"]
    if config.tty:
        base.append("TERM=xterm")
    return _override_env((*base, *linked), config.env)


def _command(
    user: ContainerConfig, image: ContainerConfig
) -> tuple[tuple[str, ...] | None, tuple[str, ...] | None]:
    """An entry point given by the user drops the image's command; ``("",)`` means none at all."""
    if user.entrypoint == ("",):
        return None, user.cmd
    if user.entrypoint:
        return user.entrypoint, user.cmd
    cmd = user.cmd if user.cmd else image.cmd
    return (image.entrypoint if user.entrypoint is None else None), cmd


def _complete_env(user: Iterable[str], image: Iterable[str]) -> tuple[str, ...]:
    """Add what only the image sets. A name without a value stays, as it unsets the image's."""
    given = (*user,)
    names = {entry.partition("=")[0] for entry in given}
    return (*given, *(entry for entry in image if entry.partition("=")[0] not in names))


def _override_env(base: Iterable[str], changes: Iterable[str]) -> tuple[str, ...]:
    """Keep the base's order, replace what is set anew, drop what is named without a value."""
    result: dict[str, str] = {}
    for entry in (*base, *changes):
        name, separator, _ = entry.partition("=")
        if separator:
            result[name] = entry
        else:
            result.pop(name, None)
    return tuple(result.values())


def _union(first: Iterable[str], second: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*first, *second)))


def _merge_health(user: Healthcheck | None, image: Healthcheck | None) -> Healthcheck | None:
    if user is None or image is None:
        return user or image
    if not user.test:
        user = replace(user, test=image.test)
    return replace(
        user,
        interval_ns=user.interval_ns or image.interval_ns,
        timeout_ns=user.timeout_ns or image.timeout_ns,
        start_period_ns=user.start_period_ns or image.start_period_ns,
        start_interval_ns=user.start_interval_ns or image.start_interval_ns,
        retries=user.retries or image.retries,
    )
