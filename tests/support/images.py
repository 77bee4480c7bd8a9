"""Small images for tests, made in memory."""

import io
import tarfile
from collections.abc import Mapping

from boxship.entrypoints import base_image
from boxship.oci.image import ExecutionConfig

Content = str | bytes | tarfile.TarInfo


def layer(files: Mapping[str, Content]) -> bytes:
    """An uncompressed layer: path to text, bytes, or a ready member (links, devices, whiteouts).

    A path that ends in ``/`` is a directory.
    """
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path, content in files.items():
            if isinstance(content, tarfile.TarInfo):
                archive.addfile(content)
                continue
            data = content.encode() if isinstance(content, str) else content
            member = tarfile.TarInfo(path.rstrip("/"))
            member.type = tarfile.DIRTYPE if path.endswith("/") else tarfile.REGTYPE
            member.mode = 0o755
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return stream.getvalue()


def image(
    *layers: bytes, config: ExecutionConfig | None = None, docker: bool = False
) -> base_image.Image:
    """An image of busybox with further layers on top."""
    bottom = base_image.busybox_layer(base_image.find_busybox())
    chosen = config or ExecutionConfig(env=[base_image.PATH], cmd=["sh"])
    return base_image.make_image([bottom, *layers], chosen, docker=docker)
