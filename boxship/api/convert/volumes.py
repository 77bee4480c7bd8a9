"""Volumes as Docker's JSON."""

from msgspec import UNSET

from boxship.api.schema import volumes as schema
from boxship.engine.volumes.drivers.plugin import PluginVolume
from boxship.engine.volumes.volume import Volume
from boxship.units import SECOND, format_timestamp_ns


def volume_json(
    volume: Volume,
    usage: schema.VolumeUsage | None = None,
    said: PluginVolume | None = None,
) -> schema.Volume:
    """Write a volume; ``usage`` is only part of the disk usage, ``said`` comes from a plugin."""
    said = said or PluginVolume()
    return schema.Volume(
        created_at=format_timestamp_ns(volume.created_at_ns // SECOND * SECOND),
        driver=volume.driver,
        labels=dict(volume.labels) or None,
        mountpoint=str(volume.mountpoint) if volume.is_local else said.mountpoint,
        name=volume.name,
        options=dict(volume.options) or None,
        scope=volume.scope,
        status=dict(said.status) or UNSET,
        usage_data=usage or UNSET,
    )
