"""Saving, loading and importing images."""

import gzip
import io
import json
import lzma
import subprocess
import tarfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import zstandard

from boxship.engine.images.image import Image
from boxship.engine.storage.errors import CorruptContentError
from boxship.entrypoints import base_image
from boxship.errors import BoxshipError, InvalidParameterError, NotFoundError
from boxship.oci.image import ExecutionConfig
from tests.engine.images.conftest import House, HouseMaker
from tests.support.layers import captured, joined


async def stream(data: bytes, size: int = 100_000) -> AsyncIterator[bytes]:
    """Yield data as a request body comes in."""
    for start in range(0, len(data), size):
        yield data[start : start + size]


async def load(house: House, data: bytes) -> list[Image]:
    """Load an archive."""
    return list(await house.images.load(stream(data), progress=house.messages.append))


async def save(house: House, *names: str) -> bytes:
    """Save images."""
    return await joined(await house.images.save(names))


def said(house: House) -> list[str]:
    """Return the lines of text told so far."""
    return [message.stream for message in house.messages if message.stream]


async def test_load_a_docker_archive(house: House) -> None:
    made = base_image.busybox_image()
    archive = base_image.docker_archive(made, "busybox:latest", "busybox:1")
    (image,) = await load(house, archive)
    assert image.id == made.config_digest
    assert image.repo_tags == ("busybox:1", "busybox:latest")
    assert said(house) == ["Loaded image: busybox:latest\n", "Loaded image: busybox:1\n"]
    assert "Loading layer" in house.said()
    assert house.images.get("busybox").id == image.id


async def test_load_without_a_tag(house: House) -> None:
    (image,) = await load(house, base_image.docker_archive(base_image.busybox_image()))
    assert said(house) == [f"Loaded image ID: {image.id}\n"]
    assert image.is_dangling


@pytest.mark.parametrize("compress", [gzip.compress, lzma.compress, zstandard.compress])
async def test_load_a_compressed_archive(house: House, compress: Callable[[bytes], bytes]) -> None:
    archive = base_image.docker_archive(base_image.busybox_image(), "busybox:latest")
    (image,) = await load(house, compress(archive))
    assert image.repo_tags == ("busybox:latest",)


async def test_load_an_oci_layout_keeps_the_manifest(house: House) -> None:
    made = base_image.busybox_image()
    (image,) = await load(house, base_image.oci_archive(made, "docker.io/library/busybox:oci"))
    assert image.manifest_digest == made.digest
    assert house.storage.content.read(image.manifest_digest) == made.manifest
    assert image.repo_tags == ("busybox:oci",)


async def test_a_saved_image_comes_back_the_same(open_house: HouseMaker) -> None:
    first, second = open_house(), open_house()
    made = base_image.busybox_image()
    await load(first, base_image.oci_archive(made, "docker.io/library/busybox:latest"))
    archive = await save(first, "busybox")
    (image,) = await load(second, archive)
    assert image.id == made.config_digest
    assert image.manifest_digest == made.digest
    assert image.repo_tags == ("busybox:latest",)
    assert await save(second, "busybox") == archive


async def test_save_is_a_docker_archive_and_an_oci_layout(house: House, tmp_path: Path) -> None:
    made = base_image.busybox_image()
    await load(house, base_image.oci_archive(made, "docker.io/library/busybox:latest"))
    path = tmp_path / "saved.tar"
    path.write_bytes(await save(house, "busybox:latest"))
    for transport in ("docker-archive", "oci-archive"):
        shown = json.loads(
            subprocess.run(
                ["skopeo", "inspect", f"{transport}:{path}"], check=True, capture_output=True
            ).stdout
        )
        assert shown["Layers"]
    with tarfile.open(path) as archive:
        member = archive.extractfile("manifest.json")
        assert member is not None
        (entry,) = json.load(member)
    assert entry["RepoTags"] == ["busybox:latest"]


async def test_save_of_what_is_not_there(house: House) -> None:
    with pytest.raises(NotFoundError, match="No such image: nothing:latest"):
        await save(house, "nothing")


def tar_of(files: dict[str, bytes], links: dict[str, str] | None = None) -> bytes:
    """Pack files and symbolic links."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        for name, target in (links or {}).items():
            member = tarfile.TarInfo(name)
            member.type, member.linkname = tarfile.SYMTYPE, target
            archive.addfile(member)
    return data.getvalue()


async def test_links_between_layers_are_followed(house: House) -> None:
    layer = base_image.busybox_layer(base_image.find_busybox())
    made = base_image.make_image([layer], ExecutionConfig(cmd=["sh"]))
    entry = {"Config": "c.json", "RepoTags": ["linked:1"], "Layers": ["b/layer.tar"]}
    files = {
        "c.json": made.blobs[made.config_digest],
        "a/layer.tar": layer,
        "manifest.json": json.dumps([entry]).encode(),
    }
    (image,) = await load(house, tar_of(files, {"b/layer.tar": "../a/layer.tar"}))
    assert image.id == made.config_digest


HOSTILE = {
    "neither manifest.json nor index.json": {"etc/passwd": b"x"},
    "leads outside": {"../../etc/passwd": b"x", "manifest.json": b"[]"},
    "has no member": {"manifest.json": b'[{"Config": "/etc/passwd", "Layers": []}]'},
    "no member 'c.json'": {"manifest.json": b'[{"Config": "c.json", "Layers": []}]'},
    "not a JSON document": {"manifest.json": b"<html>"},
    "invalid reference format": {
        "c.json": b"{}",
        "manifest.json": b'[{"Config": "c.json", "RepoTags": ["../x"], "Layers": []}]',
    },
    "don't match image configuration": {
        "c.json": b'{"rootfs": {"type": "layers", "diff_ids": []}}',
        "l.tar": bytes(1024),
        "manifest.json": b'[{"Config": "c.json", "Layers": ["l.tar"]}]',
    },
}


@pytest.mark.parametrize("message", HOSTILE)
async def test_bad_archives_leave_nothing(house: House, message: str) -> None:
    with pytest.raises(BoxshipError) as caught:
        await load(house, tar_of(HOSTILE[message]))
    assert message in str(caught.value) or "leads outside" in str(caught.value)
    await house.images.settle()
    assert house.leftovers() == ([], [])


async def test_endless_links_are_refused(house: House) -> None:
    entry = b'[{"Config": "a", "Layers": []}]'
    with pytest.raises(InvalidParameterError, match="has no member"):
        await load(house, tar_of({"manifest.json": entry}, {"a": "b", "b": "a"}))


async def test_a_blob_with_another_digest_is_refused(house: House) -> None:
    made = base_image.busybox_image()
    archive = bytearray(base_image.oci_archive(made))
    place = archive.find(made.blobs[made.layer_digests[0]]) + 5000
    archive[place] ^= 1
    with pytest.raises(CorruptContentError):
        await load(house, bytes(archive))
    await house.images.settle()
    assert house.leftovers() == ([], [])


async def test_a_cut_off_archive_is_refused(house: House) -> None:
    archive = base_image.docker_archive(base_image.busybox_image(), "busybox:latest")
    with pytest.raises(InvalidParameterError, match="cut off"):
        await load(house, archive[: len(archive) // 2])
    await house.images.settle()
    assert house.leftovers() == ([], [])


async def test_a_client_that_goes_away_leaves_nothing(house: House) -> None:
    archive = base_image.docker_archive(base_image.busybox_image(), "busybox:latest")

    async def broken() -> AsyncIterator[bytes]:
        yield archive[:500_000]
        raise ConnectionResetError("gone")

    with pytest.raises(ConnectionResetError):
        await house.images.load(broken(), progress=house.messages.append)
    await house.images.settle()
    assert house.leftovers() == ([], [])


def plain(data: bytes) -> bytes:
    """No compression."""
    return data


@pytest.mark.parametrize("compress", [plain, gzip.compress, lzma.compress, zstandard.compress])
async def test_import(house: House, compress: Callable[[bytes], bytes]) -> None:
    layer = base_image.busybox_layer(base_image.find_busybox())
    image = await house.images.import_(
        stream(compress(layer)),
        repository="busybox",
        tag="latest",
        changes=['CMD ["sh"]', "ENV A=1 B='two words'", "EXPOSE 80 53/udp", "WORKDIR /srv"],
        progress=house.messages.append,
    )
    assert house.said() == [image.id]
    assert image.repo_tags == ("busybox:latest",)
    assert image.layers == (base_image.digest_of(layer),)
    config = image.config.config
    assert config.cmd == ["sh"]
    assert config.env == ["A=1", "B=two words"]
    assert list(config.exposed_ports) == ["80/tcp", "53/udp"]
    assert config.working_dir == "/srv"
    assert image.config.history[0].comment == "Imported from -"
    assert await load_back(house) == image.id


async def load_back(house: House) -> str:
    """Save the image, remove it, load it again."""
    archive = await save(house, "busybox")
    await house.images.remove("busybox")
    (image,) = await load(house, archive)
    return image.id


@pytest.mark.parametrize("change", ["RUN x", "ENV", "EXPOSE 99999", "SHELL sh", "HEALTHCHECK x"])
async def test_import_with_bad_changes(house: House, change: str) -> None:
    with pytest.raises(InvalidParameterError):
        await house.images.import_(stream(b""), changes=[change], progress=house.messages.append)


async def test_import_of_rubbish_leaves_nothing(house: House) -> None:
    with pytest.raises(InvalidParameterError):
        await house.images.import_(stream(b"x" * 100_000), progress=house.messages.append)
    await house.images.settle()
    assert house.leftovers() == ([], [])


async def test_commit_on_top_of_an_image(house: House) -> None:
    await load(house, base_image.docker_archive(base_image.busybox_image(), "busybox:latest"))
    base = house.images.get("busybox")
    image = await house.images.commit(
        lambda: captured(house.storage, base.chain_ids[-1], {"srv/new": b"data"}),
        base=base.id,
        execution=base.config.config,
        changes=["USER nobody"],
        repository="made:1",
        comment="by hand",
        created_by="sh",
    )
    assert image.parent == base.id
    assert image.chain_ids[:-1] == base.chain_ids
    assert image.config.config.user == "nobody"
    assert image.config.config.cmd == ["sh"]
    ids = [item.id for item in house.images.history("made:1")]
    assert ids == [image.id, base.id]
