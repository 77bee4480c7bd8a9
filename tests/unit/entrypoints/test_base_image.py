"""The base image maker."""

import gzip
import io
import json
import tarfile
from pathlib import Path

import pytest

from boxship.entrypoints import base_image
from boxship.oci import image as image_documents


def test_the_image_is_reproducible_and_consistent() -> None:
    image = base_image.busybox_image()
    assert image == base_image.busybox_image()
    manifest = json.loads(image.manifest)
    for part in (manifest["config"], *manifest["layers"]):
        blob = image.blobs[part["digest"]]
        assert (base_image.digest_of(blob), len(blob)) == (part["digest"], part["size"])
    config = image_documents.decode(image.blobs[image.config_digest])
    layers = [gzip.decompress(image.blobs[digest]) for digest in image.layer_digests]
    assert config.rootfs.diff_ids == [base_image.digest_of(layer) for layer in layers]


def test_the_root_file_system_has_a_shell() -> None:
    layer = base_image.busybox_layer(base_image.find_busybox())
    with tarfile.open(fileobj=io.BytesIO(layer)) as archive:
        names = set(archive.getnames())
        assert {"bin/busybox", "bin/sh", "etc/passwd", "tmp", "usr/bin/wget"} <= names
        assert archive.getmember("bin/sh").linkname == "/bin/busybox"
        assert archive.getmember("tmp").mode == 0o1777


@pytest.mark.parametrize("kind", ["--oci-archive", "--docker-archive"])
def test_archives(kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "image.tar"
    assert base_image.main([kind, str(target), "box:1"]) == 0
    assert capsys.readouterr().out.startswith("sha256:")
    with tarfile.open(target) as archive:
        name = "index.json" if kind == "--oci-archive" else "manifest.json"
        member = archive.extractfile(name)
        assert member is not None
        assert json.load(member)


def test_a_registry_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert base_image.main(["--push", "127.0.0.1:1/busybox"]) == 1
    assert "cannot reach the registry 127.0.0.1:1" in capsys.readouterr().err
