"""The JSON shapes of ``/volumes``."""

from typing import Any

from msgspec import UNSET, UnsetType, field

from boxship.api.schema.shape import Shape


class VolumeCreateBody(Shape):
    """Body of ``POST /volumes/create``."""

    name: str = ""
    driver: str = ""
    driver_opts: dict[str, str] | None = None
    labels: dict[str, str] | None = None


class VolumeUsage(Shape):
    """Bytes and number of containers; -1: not known."""

    ref_count: int
    size: int


class Volume(Shape, kw_only=True):
    """One volume."""

    created_at: str
    driver: str
    labels: dict[str, str] | None
    mountpoint: str
    name: str
    options: dict[str, str] | None
    scope: str
    status: dict[str, Any] | UnsetType = UNSET
    usage_data: VolumeUsage | UnsetType = UNSET


class VolumeList(Shape):
    """Answer to ``GET /volumes``."""

    volumes: list[Volume]
    warnings: list[str] | None = field(default=None)


class VolumesPruned(Shape):
    """Answer to prune."""

    volumes_deleted: list[str] | None
    space_reclaimed: int
