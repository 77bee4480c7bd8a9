"""The JSON shapes of ``/boxship/volumes``."""

from boxship.api.schema.shape import Shape
from boxship.api.schema.volumes import Volume


class VolumeCopyBody(Shape):
    """Body of a copy. Without ``pause`` the containers that use the volume go on writing."""

    target: str = ""
    labels: dict[str, str] | None = None
    snapshot: bool = False
    pause: bool = True


class VolumeCopied(Shape):
    """A copy, how it was made, and which containers were held still meanwhile."""

    volume: Volume
    method: str
    paused: list[str]


class VolumeChange(Shape):
    """A path that differs: ``added``, ``changed`` or ``removed``."""

    path: str
    kind: str
