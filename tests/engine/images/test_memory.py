"""Layers of any size pass through the engine in constant memory."""

import hashlib
import os
import re
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import pytest

from boxship.entrypoints import base_image
from boxship.oci import image as image_documents
from boxship.oci import manifest as manifest_documents
from boxship.oci.descriptor import Descriptor
from boxship.oci.image import ExecutionConfig, ImageConfig, RootFs
from boxship.oci.manifest import Manifest
from boxship.oci.media_types import OCI_CONFIG, OCI_LAYER_GZIP, OCI_MANIFEST
from boxship.oci.platform import host_platform
from tests.engine.images.hostile import Exchange, HostileRegistry
from tests.support.archives import archive, member
from tests.support.cli import boxship_cli
from tests.support.daemon import Daemon
from tests.support.fixtures import StartDaemon

MIB = 1 << 20
MAY_RISE = 64 * MIB


@dataclass(frozen=True, slots=True)
class Large:
    """A layer that is made while it is sent: one file of ``count`` times ``piece``."""

    piece: bytes
    count: int
    level: int
    """Of its gzip; 0: stored."""

    def plain(self) -> Iterator[bytes]:
        info = tarfile.TarInfo("large")
        info.size = len(self.piece) * self.count
        yield info.tobuf(tarfile.PAX_FORMAT)
        for _ in range(self.count):
            yield self.piece
        yield bytes(1024)

    def packed(self) -> Iterator[bytes]:
        packer = zlib.compressobj(self.level, wbits=31)
        for piece in self.plain():
            yield packer.compress(piece)
        yield packer.flush()


ZEROS = Large(bytes(MIB), 1024, 1)
RANDOM = Large(os.urandom(MIB), 384, 0)


@cache
def digest_and_size(large: Large, *, packed: bool) -> tuple[str, int]:
    state, size = hashlib.sha256(), 0
    for piece in large.packed() if packed else large.plain():
        state.update(piece)
        size += len(piece)
    return f"sha256:{state.hexdigest()}", size


def configuration(diff_id: str) -> bytes:
    return image_documents.encode(
        ImageConfig(
            architecture=host_platform().architecture, os="linux", rootfs=RootFs(diff_ids=[diff_id])
        )
    )


def publish(large: Large) -> HostileRegistry:
    """Serve an image with this one layer."""
    digest, size = digest_and_size(large, packed=True)
    config = configuration(digest_and_size(large, packed=False)[0])
    config_digest = base_image.digest_of(config)
    manifest = Manifest(
        schema_version=2,
        media_type=OCI_MANIFEST,
        config=Descriptor(media_type=OCI_CONFIG, digest=config_digest, size=len(config)),
        layers=[Descriptor(media_type=OCI_LAYER_GZIP, digest=digest, size=size)],
    )
    small = base_image.make_image([archive([member("f", data=b"1")])], ExecutionConfig())
    registry = HostileRegistry(
        replace(small, manifest=manifest_documents.encode(manifest), media_type=OCI_MANIFEST)
    )

    def send(exchange: Exchange) -> bool:
        exchange.send_response(200)
        exchange.send_header("Content-Length", str(size))
        exchange.end_headers()
        for piece in large.packed():
            exchange.wfile.write(piece)
        return True

    def send_config(exchange: Exchange) -> bool:
        exchange.answer(200, config)
        return True

    registry.hooks = {digest: send, config_digest: send_config}
    return registry


def peak(daemon: Daemon) -> int:
    """The most memory that the daemon has ever had, in bytes."""
    status = Path(f"/proc/{daemon.pid}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found
    return int(found[1]) * 1024


@pytest.fixture
def daemon(start_daemon: StartDaemon) -> Daemon:
    """A daemon that has pulled and loaded before, so that it has all its code in memory."""
    daemon = start_daemon()
    boxship = boxship_cli(daemon.host, daemon.scratch / "home")
    boxship("pull", "busybox")
    boxship("load", stdin=base_image.docker_archive(base_image.busybox_image(), "warm:1"))
    return daemon


@pytest.mark.parametrize("large", [ZEROS, RANDOM], ids=["zeros", "random"])
def test_pull_a_large_layer(daemon: Daemon, large: Large) -> None:
    registry = publish(large)
    before = peak(daemon)
    boxship_cli(daemon.host, daemon.scratch / "home")("pull", registry.name)
    registry.close()
    assert peak(daemon) - before < MAY_RISE


def test_load_a_large_layer(daemon: Daemon) -> None:
    large = RANDOM
    config = configuration(digest_and_size(large, packed=False)[0])
    _, size = digest_and_size(large, packed=True)
    before = peak(daemon)
    process = boxship_cli(daemon.host, daemon.scratch / "home").start("load")
    assert process.stdin is not None
    for piece in saved(large, size, config):
        process.stdin.write(piece)
    output, errors = process.communicate()
    assert process.returncode == 0, errors
    assert b"Loaded image: large:1" in output
    assert peak(daemon) - before < MAY_RISE


def saved(large: Large, size: int, config: bytes) -> Iterator[bytes]:
    """The archive of an image as Docker saves it, the layer before what says that it is one."""
    info = tarfile.TarInfo("layer.tar")
    info.size = size
    yield info.tobuf(tarfile.PAX_FORMAT)
    yield from large.packed()
    yield bytes(-size % 512)
    listed = b'[{"Config":"config.json","RepoTags":["large:1"],"Layers":["layer.tar"]}]'
    yield archive([member("config.json", data=config), member("manifest.json", data=listed)])
