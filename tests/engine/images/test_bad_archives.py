"""Archives that cannot be loaded: what is wrong is said, and nothing of them stays."""

import asyncio
import gzip
import json

import pytest

from boxship.entrypoints import base_image
from boxship.errors import BoxshipError
from boxship.oci.image import ExecutionConfig
from tests.engine.images.conftest import House
from tests.engine.images.test_archives import load, stream, tar_of
from tests.support.archives import archive, member

LAYER = archive([member("f", data=b"1" * 400_000)])
MADE = base_image.make_image([LAYER], ExecutionConfig())
RUBBISH = base_image.make_image([b"x" * 400_000], ExecutionConfig())
CONFIG = MADE.blobs[MADE.config_digest]
PACKED = gzip.compress(LAYER)
BLOB = "blobs/sha256/"


def listed(**changes: object) -> bytes:
    """manifest.json of one image, with other fields."""
    entry = {"Config": "c.json", "RepoTags": ["bad:1"], "Layers": ["l.tar"], **changes}
    return json.dumps([entry]).encode()


def layout(entry: dict[str, object]) -> bytes:
    """index.json of an OCI layout."""
    return json.dumps({"schemaVersion": 2, "manifests": [entry]}).encode()


BAD = {
    "no documents": ({"etc/passwd": b"x"}, {}, "neither manifest.json nor index.json"),
    "no JSON": ({"manifest.json": b"<html>"}, {}, "manifest.json: not a JSON document"),
    "no list": ({"manifest.json": b'{"Config": "c.json"}'}, {}, "manifest.json"),
    "a number for a path": ({"manifest.json": b'[{"Config": 1}]'}, {}, "manifest.json"),
    "configuration missing": (
        {"l.tar": LAYER, "manifest.json": listed()},
        {},
        "invalid archive: it has no member 'c.json'",
    ),
    "layer missing": (
        {"c.json": CONFIG, "manifest.json": listed()},
        {},
        "invalid archive: it has no member 'l.tar'",
    ),
    "configuration is no JSON": (
        {"c.json": b"{", "l.tar": LAYER, "manifest.json": listed()},
        {},
        "not a JSON document",
    ),
    "more layers than configured": (
        {"c.json": CONFIG, "l.tar": LAYER, "manifest.json": listed(Layers=["l.tar", "l.tar"])},
        {},
        "layers from manifest don't match image configuration",
    ),
    "another layer than configured": (
        {
            "c.json": CONFIG,
            "l.tar": LAYER.replace(b"1" * 1000, b"2" * 1000),
            "manifest.json": listed(),
        },
        {},
        "layer verification failed: the archive has digest sha256:",
    ),
    "layer is no archive": (
        {
            "c.json": RUBBISH.blobs[RUBBISH.config_digest],
            "l.tar": b"x" * 400_000,
            "manifest.json": listed(),
        },
        {},
        "invalid tar header",
    ),
    "layer is cut off": (
        {"c.json": CONFIG, "l.tar": PACKED[:-20], "manifest.json": listed()},
        {},
        "cut off",
    ),
    "a member outside": (
        {"../l.tar": LAYER, "manifest.json": listed()},
        {},
        "invalid archive: a member's path leads outside: '../l.tar'",
    ),
    "a path outside": (
        {"c.json": CONFIG, "manifest.json": listed(Layers=["../../etc/passwd"])},
        {},
        "invalid archive: a member's path leads outside: '../../etc/passwd'",
    ),
    "a link outside": (
        {"c.json": CONFIG, "manifest.json": listed()},
        {"l.tar": "../../../etc/passwd"},
        "invalid archive: a member's path leads outside",
    ),
    "an absolute link": (
        {"c.json": CONFIG, "manifest.json": listed()},
        {"l.tar": "/etc/passwd"},
        "invalid archive: a member's path leads outside",
    ),
    "a link to nothing": (
        {"c.json": CONFIG, "manifest.json": listed()},
        {"l.tar": "m.tar"},
        "invalid archive: it has no member 'l.tar'",
    ),
    "a bad name": (
        {"c.json": CONFIG, "l.tar": LAYER, "manifest.json": listed(RepoTags=["UPPER:1"])},
        {},
        "repository name (library/UPPER) must be lowercase",
    ),
    "a blob of another digest": (
        {BLOB + "0" * 64: LAYER, "manifest.json": listed(Layers=[BLOB + "0" * 64])},
        {},
        "filesystem layer verification failed for digest sha256:" + "0" * 64,
    ),
    "a manifest that is missing": (
        {
            "index.json": layout(
                {
                    "mediaType": "application/vnd.oci.image.manifest.v1+json",
                    "digest": "sha256:" + "1" * 64,
                    "size": 2,
                }
            )
        },
        {},
        f"invalid archive: it has no member '{BLOB}{'1' * 64}'",
    ),
    "an index that is none": ({"index.json": b'{"schemaVersion": 2}'}, {}, "invalid manifest: "),
}


@pytest.mark.parametrize("name", BAD)
async def test_it_is_refused_and_leaves_nothing(house: House, name: str) -> None:
    files, links, message = BAD[name]
    with pytest.raises(BoxshipError) as caught:
        await load(house, tar_of(files, links))
    assert message in str(caught.value)
    await house.images.settle()
    await asyncio.to_thread(house.storage.wait_background)
    assert house.leftovers() == ([], [])
    assert list((house.root / "content/ingest").iterdir()) == []
    assert list((house.root / "overlay2/tmp").iterdir()) == []


@pytest.mark.parametrize("layer", [LAYER, PACKED], ids=["plain", "gzip"])
@pytest.mark.parametrize("first", ["layer", "documents"])
async def test_a_good_one_in_either_order(house: House, layer: bytes, first: str) -> None:
    documents = {"c.json": CONFIG, "manifest.json": listed()}
    layers = {"l.tar": layer}
    order = {**layers, **documents} if first == "layer" else {**documents, **layers}
    (image,) = await load(house, tar_of(order))
    assert image.id == MADE.config_digest
    assert image.repo_tags == ("bad:1",)
    assert house.storage.content.has(base_image.digest_of(layer))
    assert list((house.root / "overlay2/tmp").iterdir()) == []


async def test_one_layer_in_two_images(house: House) -> None:
    """The second image's own layer stands on the one that both have."""
    upper = archive([member("g", data=b"2" * 400_000)])
    both = base_image.make_image([LAYER, upper], ExecutionConfig())
    entries = [
        {"Config": "one.json", "RepoTags": ["one:1"], "Layers": ["l.tar"]},
        {"Config": "two.json", "RepoTags": ["two:1"], "Layers": ["l.tar", "u.tar"]},
    ]
    files = {
        "u.tar": upper,
        "l.tar": LAYER,
        "one.json": CONFIG,
        "two.json": both.blobs[both.config_digest],
        "manifest.json": json.dumps(entries).encode(),
    }
    images = await load(house, tar_of(files))
    assert [image.repo_tags for image in images] == [("one:1",), ("two:1",)]
    assert images[1].chain_ids[0] == images[0].chain_ids[0]
    assert len(list(house.storage.layers())) == 2


async def test_quietly_without_bars(house: House) -> None:
    files = {"l.tar": LAYER, "c.json": CONFIG, "manifest.json": listed()}
    await house.images.load(stream(tar_of(files)), quiet=True, progress=house.messages.append)
    assert [message.stream for message in house.messages] == ["Loaded image: bad:1\n"]
