"""Images on the way from skopeo by a registry of ours and the engine to an archive, and back."""

import json
import subprocess
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from boxship.entrypoints import base_image
from tests.compat.test_own_registry import skopeo
from tests.support import images
from tests.support.cli import Cli
from tests.support.daemon import Daemon
from tests.support.own_registry import OwnRegistry

_NUMBERS = count(1)
_ANYTHING = "--insecure-policy"
_OPEN = "--dest-tls-verify=false"
_ZSTD = ("--format=oci", "--dest-compress-format=zstd")


@pytest.fixture(scope="module")
def made() -> base_image.Image:
    """An image of two layers, as docker save would have it in the archive below."""
    return images.image(images.layer({"journey": "far\n", "log/": ""}))


@pytest.fixture
def archive(scratch: Path, made: base_image.Image) -> Path:
    """A docker-archive of it."""
    path = scratch / "image.tar"
    path.write_bytes(base_image.docker_archive(made, "journey:latest"))
    return path


@pytest.fixture
def target(own_registry: OwnRegistry, daemon: Daemon) -> Iterator[str]:
    """A name in our registry that nothing has yet."""
    name = f"{own_registry.host}/journey/{next(_NUMBERS)}:v1"
    yield name
    daemon.request("DELETE", f"/images/{name}?force=1")


def _saved(cli: Cli, name: str, directory: Path) -> Path:
    """Save an image and unpack the archive, which is an OCI layout too."""
    cli("save", "-o", str(directory / "saved.tar"), name)
    layout = directory / "saved"
    layout.mkdir()
    unpack = ["tar", "-x", "-C", str(layout), "-f", str(directory / "saved.tar")]
    subprocess.run(unpack, check=True)
    return layout


def _only_manifest(layout: Path) -> dict[str, object]:
    (entry,) = json.loads((layout / "index.json").read_text())["manifests"]
    assert isinstance(entry, dict)
    return entry


@pytest.mark.parametrize(
    "options",
    [("--format=v2s2",), ("--format=oci",), _ZSTD],
    ids=["schema2", "oci", "zstd"],
)
def test_all_digests_agree(
    boxship: Cli,
    target: str,
    archive: Path,
    scratch: Path,
    made: base_image.Image,
    options: tuple[str, ...],
) -> None:
    """docker-archive → our registry → our engine → OCI layout."""
    source, there = f"docker-archive:{archive}", f"docker://{target}"
    skopeo(_ANYTHING, "copy", _OPEN, *options, source, there, home=scratch)
    shown = json.loads(skopeo("inspect", "--tls-verify=false", there, home=scratch))
    raw = skopeo("inspect", "--raw", "--tls-verify=false", there, home=scratch)
    assert base_image.digest_of(raw.encode()) == shown["Digest"]
    assert f"Digest: {shown['Digest']}" in boxship("pull", target)
    image = json.loads(boxship("inspect", target))[0]
    assert image["RepoDigests"] == [f"{target.rpartition(':')[0]}@{shown['Digest']}"]
    assert image["Id"] == json.loads(raw)["config"]["digest"]
    config = json.loads(made.blobs[made.config_digest])
    assert image["RootFS"]["Layers"] == config["rootfs"]["diff_ids"]
    assert boxship("run", "--rm", "--network=none", target, "cat", "/journey") == "far"
    layout = _saved(boxship, target, scratch)
    assert _only_manifest(layout)["digest"] == shown["Digest"]
    assert skopeo("inspect", "--raw", f"oci:{layout}", home=scratch) == raw
    for layer in shown["Layers"]:
        blob = layout / "blobs" / layer.replace(":", "/")
        assert base_image.digest_of(blob.read_bytes()) == layer


def test_a_push_gives_back_what_was_pulled(
    boxship: Cli, target: str, archive: Path, scratch: Path
) -> None:
    """Manifests are kept verbatim, also those that we would write otherwise."""
    skopeo(
        _ANYTHING, "copy", _OPEN, *_ZSTD, f"docker-archive:{archive}", f"docker://{target}",
        home=scratch,
    )  # fmt: skip
    boxship("pull", target)
    again = f"{target.rpartition('/')[0]}/again:v1"
    boxship("tag", target, again)
    boxship("push", again)
    before, after = (
        skopeo("inspect", "--raw", "--tls-verify=false", f"docker://{name}", home=scratch)
        for name in (target, again)
    )
    assert before == after
    boxship("rmi", again)


def test_sync(boxship: Cli, own_registry: OwnRegistry, archive: Path, scratch: Path) -> None:
    """skopeo sync takes all tags of a repository out of our registry, and brings them in."""
    repository = f"{own_registry.host}/journey/sync{next(_NUMBERS)}"
    for tag in ("one", "two"):
        name = f"docker://{repository}:{tag}"
        skopeo(_ANYTHING, "copy", _OPEN, f"docker-archive:{archive}", name, home=scratch)
    directory = scratch / "tree"
    directory.mkdir()
    taken = ("--src=docker", "--dest=dir", "--src-tls-verify=false")
    skopeo(_ANYTHING, "sync", *taken, repository, str(directory), home=scratch)
    brought = ("--src=dir", "--dest=docker", _OPEN)
    there = f"{own_registry.host}/journey/brought"
    skopeo(_ANYTHING, "sync", *brought, str(directory), there, home=scratch)
    name = f"{there}/{repository.rpartition('/')[2]}"
    for tag in ("one", "two"):
        assert f"Pulling from {name.partition('/')[2]}" in boxship("pull", f"{name}:{tag}")
        boxship("rmi", f"{name}:{tag}")


def test_layouts_of_skopeo_are_loaded(boxship: Cli, archive: Path, scratch: Path) -> None:
    """OCI and Docker archives, gzip and zstd."""
    for kind, options in (("oci-archive", ()), ("oci-archive", _ZSTD), ("docker-archive", ())):
        path = scratch / f"{next(_NUMBERS)}.tar"
        target = f"{kind}:{path}:journey:loaded"
        skopeo(_ANYTHING, "copy", *options, f"docker-archive:{archive}", target, home=scratch)
        assert "Loaded image: journey:loaded" in boxship("load", "-i", str(path))
        ran = boxship("run", "--rm", "--network=none", "journey:loaded", "cat", "/journey")
        assert ran == "far"
        boxship("rmi", "journey:loaded")
