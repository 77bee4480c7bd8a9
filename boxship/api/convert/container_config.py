"""Docker's ``Config`` against the domain's ContainerConfig."""

from msgspec import UNSET

from boxship.api.convert.ports import exposed_ports
from boxship.api.schema import container_config as schema
from boxship.api.schema.shape import EMPTY, string_list
from boxship.engine.containers.container import ContainerConfig, Healthcheck


def container_config(body: schema.Config) -> ContainerConfig:
    """Read a Config. Raises InvalidParameterError for a bad port."""
    entrypoint = string_list(body.entrypoint)
    return ContainerConfig(
        image=body.image,
        hostname=body.hostname,
        domainname=body.domainname,
        user=body.user,
        attach_stdin=body.attach_stdin,
        attach_stdout=body.attach_stdout,
        attach_stderr=body.attach_stderr,
        tty=body.tty,
        open_stdin=body.open_stdin,
        stdin_once=body.stdin_once,
        env=tuple(body.env or ()),
        cmd=tuple(string_list(body.cmd) or ()) or None,
        entrypoint=None if entrypoint is None else tuple(entrypoint),
        working_dir=body.working_dir,
        labels=body.labels or {},
        exposed_ports=exposed_ports(body.exposed_ports or ()),
        volumes=tuple(body.volumes or ()),
        stop_signal=body.stop_signal or "",
        stop_timeout_s=None if body.stop_timeout is UNSET else body.stop_timeout,
        healthcheck=healthcheck(body.healthcheck) if body.healthcheck else None,
        network_disabled=body.network_disabled is True,
        mac_address=body.mac_address or "",
        shell=tuple(string_list(body.shell or None) or ()),
        on_build=tuple(body.on_build or ()),
        args_escaped=body.args_escaped is True,
    )


def healthcheck(body: schema.Healthcheck) -> Healthcheck:
    """Read a Healthcheck."""
    return Healthcheck(
        test=tuple(string_list(body.test or None) or ()),
        interval_ns=body.interval or 0,
        timeout_ns=body.timeout or 0,
        start_period_ns=body.start_period or 0,
        start_interval_ns=body.start_interval or 0,
        retries=body.retries or 0,
    )


def config_json(config: ContainerConfig) -> schema.Config:
    """Write the Config of an inspected container."""
    return schema.Config(
        hostname=config.hostname,
        domainname=config.domainname,
        user=config.user,
        attach_stdin=config.attach_stdin,
        attach_stdout=config.attach_stdout,
        attach_stderr=config.attach_stderr,
        exposed_ports=dict.fromkeys(config.exposed_ports, EMPTY) or UNSET,
        tty=config.tty,
        open_stdin=config.open_stdin,
        stdin_once=config.stdin_once,
        env=list(config.env),
        cmd=list(config.cmd) if config.cmd else None,
        healthcheck=healthcheck_json(config.healthcheck) if config.healthcheck else UNSET,
        args_escaped=config.args_escaped or UNSET,
        image=config.image,
        volumes=dict.fromkeys(config.volumes, EMPTY) or None,
        working_dir=config.working_dir,
        entrypoint=_entrypoint_json(config.entrypoint),
        network_disabled=config.network_disabled or UNSET,
        mac_address=config.mac_address or UNSET,
        on_build=list(config.on_build) or None,
        labels=dict(config.labels),
        stop_signal=config.stop_signal or UNSET,
        stop_timeout=UNSET if config.stop_timeout_s is None else config.stop_timeout_s,
        shell=list(config.shell) or UNSET,
    )


def _entrypoint_json(entrypoint: tuple[str, ...] | None) -> list[str] | None:
    """Write an entrypoint; ``("",)``, which removes the image's, is shown as none."""
    return list(entrypoint) if entrypoint and entrypoint != ("",) else None


def healthcheck_json(check: Healthcheck) -> schema.Healthcheck:
    """Write a Healthcheck."""
    return schema.Healthcheck(
        test=list(check.test) or UNSET,
        interval=check.interval_ns or UNSET,
        timeout=check.timeout_ns or UNSET,
        start_period=check.start_period_ns or UNSET,
        start_interval=check.start_interval_ns or UNSET,
        retries=check.retries or UNSET,
    )
