"""A container as ``GET /containers/json`` lists it."""

from msgspec import UNSET, UnsetType

from boxship.api.convert.container_inspect import manifest_json, mounts_json
from boxship.api.convert.container_network import listed_ports, networks
from boxship.api.convert.container_status import status_text
from boxship.api.convert.host_config import network_mode
from boxship.api.schema import containers as schema
from boxship.api.versions import ApiVersion
from boxship.engine.containers.container import Container
from boxship.engine.networks.sandbox import Sandbox
from boxship.oci.descriptor import Descriptor
from boxship.units import SECOND


def summary_json(
    container: Container,
    sandbox: Sandbox | None,
    image: str,
    now_ns: int,
    version: ApiVersion,
    manifest: Descriptor | None = None,
) -> schema.Summary:
    """Write one list entry.

    image: the name that is shown, the user's or the image's id. manifest: the image's.
    """
    return schema.Summary(
        id=container.id,
        names=[f"/{container.name}"],
        image=image,
        image_id=container.image_id,
        image_manifest_descriptor=manifest_json(manifest, version),
        command=command_text(container),
        created=container.created_at_ns // SECOND,
        ports=listed_ports(container, sandbox),
        labels=dict(container.config.labels),
        state=container.state.status.value,
        status=status_text(container.state, now_ns),
        host_config=_host_config(container, version),
        health=_health(container, version),
        network_settings=schema.SummaryNetworkSettings(
            networks=networks(container, sandbox, version)
        ),
        mounts=mounts_json(container),
    )


def _host_config(container: Container, version: ApiVersion) -> schema.SummaryHostConfig:
    annotations = dict(container.host.annotations) if version >= (1, 46) else {}
    return schema.SummaryHostConfig(
        network_mode=network_mode(container.host.network_mode), annotations=annotations or UNSET
    )


def _health(container: Container, version: ApiVersion) -> schema.SummaryHealth | UnsetType:
    if version < (1, 52):
        return UNSET
    state = container.state
    return schema.SummaryHealth(status=state.health or "none", failing_streak=state.failing_streak)


def command_text(container: Container) -> str:
    """Join what is executed; an argument with a space in it is quoted."""
    args = (f"'{arg}'" if " " in arg else arg for arg in container.args)
    return " ".join((container.path, *args))
