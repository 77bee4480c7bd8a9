"""A program: the life of images, cut off at one call after another, and then explained.

``python -m tests.support.imagekills SCRATCH MIRROR KILLS SEED``: an engine pulls, loads, imports,
commits, tags, removes and prunes images and dies at the n-th call of one of its own functions. The
next engine must have whole images only, nothing that nobody needs, and be able to go on.
Writes a line for each kill and ends with 0 when nothing was wrong.
"""

import asyncio
import hashlib
import os
import random
import sys
from collections.abc import AsyncIterator, Iterator
from functools import partial
from pathlib import Path

from boxship.engine import Engine
from boxship.engine.config import EngineConfig, RegistryConfig
from boxship.engine.containers.commit import CommitRequest
from boxship.engine.containers.container import ContainerConfig, ContainerRequest
from boxship.engine.containers.filters import ListQuery
from boxship.engine.images.image import Image
from boxship.engine.images.leases import LeaseStore
from boxship.engine.images.store import ImageStore
from tests.support.archives import archive, chunked, member
from tests.support.images import attestation_of, image_for, index_archive
from tests.support.layers import joined
from tests.support.lifekills import KILLED, START_SECONDS, Fuse, in_child

LAYER = archive([member("etc", "dir"), member("etc/own", data=b"own" * 40_000)])
FOR_TWO = {"linux/s390x": image_for("linux/s390x"), "linux/amd64": image_for("linux/amd64")}
INDEX = index_archive(
    "example.com/two:1", FOR_TWO, {"linux/amd64": attestation_of(FOR_TWO["linux/amd64"])}
)
EVERYTHING = {"dangling": ("false",)}
PULLED = "busybox:latest"


async def pieces(data: bytes) -> AsyncIterator[bytes]:
    """A request's body."""
    for piece in chunked(data, 50_000):
        yield bytes(piece)


async def live(engine: Engine) -> None:
    """The life that is cut off."""
    images = engine.images
    await images.pull("busybox", progress=lambda _: None)
    await images.import_(pieces(LAYER), repository="made", progress=lambda _: None)
    saved = await joined(await images.save(["made"]))
    await engine.containers.create(
        ContainerRequest(name="writer", config=ContainerConfig(image="made", cmd=("x",)))
    )
    await asyncio.to_thread(_write, engine)
    await engine.containers.commit("writer", CommitRequest(repository="child"))
    await engine.containers.remove("writer")
    await images.remove("child")
    await images.remove("made")
    await images.settle()
    await images.load(pieces(saved), progress=lambda _: None)
    images.tag("made", "again:v1")
    await images.load(pieces(INDEX), progress=lambda _: None)
    again = await joined(await images.save(["example.com/two:1"]))
    await images.remove("example.com/two:1")
    await images.load(pieces(again), progress=lambda _: None)
    await images.prune(EVERYTHING)
    await images.settle()


def _write(engine: Engine) -> None:
    container = engine.storage.container_ids()[0]
    rootfs = engine.storage.mount_container(container)
    (rootfs / "etc/new").write_bytes(b"new" * 20_000)
    (rootfs / "etc/own").unlink()
    engine.storage.unmount_container(container)


async def explain(engine: Engine) -> None:
    """Check what the next engine made of it."""
    await engine.images.settle()
    await asyncio.to_thread(engine.storage.wait_background)
    for container in engine.containers.select(ListQuery(all=True)):
        await engine.containers.remove(container.id)
    for row in engine.images.list({}, all=True):
        check_image(engine, engine.images.get(row.id))
    check_reachable(engine)


def check_image(engine: Engine, image: Image) -> None:
    """All of it is there, as it was announced, and a container can stand on it."""
    content = engine.storage.content
    for digest in (image.id, image.manifest_digest):
        assert content.verify(digest), (image, digest)
    for blob in image.blobs:
        if content.has(blob.digest):
            assert content.verify(blob.digest), (image, blob)
        state = hashlib.sha256()
        for chunk in engine.storage.open_layer_tar(blob.chain_id):
            state.update(chunk)
        assert blob.diff_id == f"sha256:{state.hexdigest()}"
    engine.storage.create_container("probe", image.chain_ids[-1])
    try:
        assert os.listdir(engine.storage.mount_container("probe"))
    finally:
        engine.storage.remove_container("probe")


def check_reachable(engine: Engine) -> None:
    """There is what images and leases need, and nothing else."""
    store, leases = ImageStore(engine.database), LeaseStore(engine.database).held()
    storage = engine.storage
    assert set(storage.content.digests()) <= store.digests_in_use() | leases
    assert set(storage.layers()) <= store.chains_in_use() | leases
    for path in (storage.content.root / "ingest").iterdir():
        assert path.name.startswith("partial-"), path
    root = engine.config.data_root / storage.driver_name
    assert not list((root / "tmp").iterdir())


async def check_empty(engine: Engine) -> None:
    """Pruning leaves nothing, not even what a cut off pull has left."""
    await engine.images.prune(EVERYTHING)
    await engine.images.settle()
    await asyncio.to_thread(engine.storage.wait_background)
    assert not LeaseStore(engine.database).held()
    assert not list(engine.storage.content.digests())
    assert not list(engine.storage.layers())
    assert not list(_files(engine.config.data_root / engine.storage.driver_name))


def _files(root: Path) -> Iterator[Path]:
    return (path for path in root.rglob("*") if path.is_file())


async def _prepare(config: EngineConfig) -> None:
    engine = await Engine.open(config)
    await live(engine)
    fuse = Fuse(0)
    fuse.light()
    await live(engine)
    sys.setprofile(None)
    (config.data_root / "calls").write_text(str(fuse.calls))
    await engine.close()


async def _cut_off(config: EngineConfig, calls: int) -> None:
    engine = await Engine.open(config)
    Fuse(calls).light()
    await live(engine)
    sys.setprofile(None)
    await engine.close()


async def _go_on(config: EngineConfig, again: bool) -> None:
    async with asyncio.timeout(START_SECONDS):
        engine = await Engine.open(config)
    await explain(engine)
    if again:
        await live(engine)
    await check_empty(engine)
    await engine.close()


def main(scratch: str, mirror: str, kills: str, seed: str) -> int:
    """Run the whole; returns the exit status."""
    config = EngineConfig(
        data_root=Path(scratch) / "data",
        exec_root=Path(scratch) / "exec",
        registry=RegistryConfig(mirrors=(mirror,)),
    )
    if in_child(lambda: _prepare(config)) != 0:
        return 1
    calls = int((config.data_root / "calls").read_text())
    chance = random.Random(int(seed))
    step = calls / int(kills)
    for number in range(int(kills)):
        moment = int((number + chance.random()) * step) + 1
        print(f"call {moment} of {calls}")
        ended = in_child(partial(_cut_off, config, moment))
        if ended not in (0, KILLED) or in_child(partial(_go_on, config, number % 4 == 0)) != 0:
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
