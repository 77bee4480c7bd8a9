"""Manifests, indexes and configurations: what is read, and what is refused with which words."""

import json
from typing import Any

import pytest

from boxship.errors import InvalidParameterError
from boxship.oci import image, manifest, media_types
from boxship.oci.document import MAX_DOCUMENT_SIZE
from boxship.oci.manifest import Index, Manifest

DIGEST = "sha256:" + "a" * 64
CONFIG = {"mediaType": media_types.OCI_CONFIG, "digest": DIGEST, "size": 2}


def encoded(**members: Any) -> bytes:
    """A manifest with these members."""
    return json.dumps({"schemaVersion": 2, "config": CONFIG, **members}).encode()


@pytest.mark.parametrize("kind", sorted(media_types.MANIFESTS))
def test_both_kinds_of_manifest(kind: str) -> None:
    layer = {"mediaType": media_types.DOCKER_LAYER_GZIP, "digest": DIGEST, "size": 3}
    read = manifest.decode(encoded(mediaType=kind, layers=[layer]), kind)
    assert isinstance(read, Manifest)
    assert read.layers[0].size == 3
    assert manifest.media_type_of(read) == kind
    assert manifest.decode(manifest.encode(read)) == read


def test_nulls_and_unknown_members_are_passed_over() -> None:
    read = manifest.decode(encoded(layers=None, annotations=None, extra={"x": None}))
    assert isinstance(read, Manifest)
    assert read.layers == []


def test_an_index_tells_itself() -> None:
    entry = {**CONFIG, "platform": {"os": "linux", "architecture": "arm", "variant": "v7"}}
    read = manifest.decode(json.dumps({"schemaVersion": 2, "manifests": [entry]}).encode())
    assert isinstance(read, Index)
    platform = read.manifests[0].platform
    assert platform is not None
    assert platform.text == "linux/arm/v7"


@pytest.mark.parametrize(
    ("data", "kind", "message"),
    [
        (b"", "", "not a JSON document"),
        (b"\xff\xfe", "", "not a JSON document"),
        (b"[1]", "", "not a JSON object"),
        (b"[" * 100_000, "", "invalid manifest"),
        (b" " * (MAX_DOCUMENT_SIZE + 1), "", "exceed the limit"),
        (b'{"schemaVersion":1,"fsLayers":[]}', "", "schema 1 are too old"),
        (encoded(), media_types.DOCKER_SCHEMA1, "schema 1 are too old"),
        (encoded(), "text/plain", 'unsupported manifest media type "text/plain"'),
        (encoded(mediaType=media_types.OCI_INDEX), media_types.OCI_MANIFEST, "calls itself"),
        (encoded(manifests=[]), media_types.OCI_MANIFEST, "both a manifest and an index"),
        (encoded(schemaVersion=3), "", "schema version 3"),
        (encoded(config={**CONFIG, "digest": "sha256:x"}), "", "config: digest 'sha256:x'"),
        (encoded(config={**CONFIG, "size": -1}), "", "impossible size -1"),
        (encoded(config={**CONFIG, "size": "big"}), "", "Expected `int`"),
        (encoded(config={"digest": DIGEST}), "", "missing required field `mediaType`"),
        (encoded(layers=[CONFIG] * 1025), "", "more than 1024 layers"),
    ],
)
def test_bad_manifests(data: bytes, kind: str, message: str) -> None:
    with pytest.raises(InvalidParameterError) as caught:
        manifest.decode(data, kind)
    assert message in str(caught.value)


def test_a_configuration() -> None:
    document = {
        "created": "2024-01-02T03:04:05Z",
        "architecture": "amd64",
        "os": "linux",
        "os.version": "10",
        "config": {
            "Cmd": "sh",
            "Entrypoint": None,
            "Env": ["A=1"],
            "ExposedPorts": {"80/tcp": {}},
            "Healthcheck": {"Test": ["CMD", "true"], "StartInterval": 5},
            "Labels": None,
        },
        "rootfs": {"type": "layers", "diff_ids": [DIGEST]},
        "history": [{"created_by": "x", "empty_layer": True}],
    }
    read = image.decode(json.dumps(document).encode())
    assert read.config.cmd == ["sh"]
    assert read.config.entrypoint is None
    assert read.config.healthcheck is not None
    assert read.config.healthcheck.start_interval == 5
    assert read.platform.os_version == "10"
    assert read.history[0].empty_layer
    assert image.decode(image.encode(read)) == read
    assert json.loads(image.encode(read))["rootfs"]["diff_ids"] == [DIGEST]


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"digest": DIGEST, "size": 1}, "invalid index: Object missing required field `mediaType`"),
        ({**CONFIG, "digest": "md5:1"}, "invalid index entry: digest 'md5:1': unsupported digest"),
        ({**CONFIG, "digest": DIGEST[:-1]}, "invalid checksum digest length"),
        ({**CONFIG, "digest": DIGEST[:-1] + "g"}, "invalid checksum digest format"),
        ({**CONFIG, "size": -5}, "invalid index entry: impossible size -5"),
        ({**CONFIG, "size": 1 << 51}, "invalid index entry: impossible size"),
        (
            {**CONFIG, "platform": "linux"},
            "Expected `object | null`, got `str` - at `$.manifests[0].platform`",
        ),
        ({**CONFIG, "platform": {"os": 1}}, "invalid index: Expected `str`, got `int`"),
        ({**CONFIG, "urls": "http://x"}, "invalid index: Expected `array`, got `str`"),
    ],
)
def test_bad_index_entries(entry: dict[str, Any], message: str) -> None:
    index = {"schemaVersion": 2, "mediaType": media_types.OCI_INDEX, "manifests": [entry]}
    with pytest.raises(InvalidParameterError) as caught:
        manifest.decode(json.dumps(index).encode())
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"manifests": {}}, "invalid index: Expected `array`, got `object`"),
        ({"manifests": [CONFIG] * 4097}, "invalid index: more than 4096 entries"),
        ({"schemaVersion": 1}, "schema 1 are too old"),
        ({"schemaVersion": 3}, "invalid manifest: schema version 3, not 2"),
        ({"layers": []}, "invalid manifest: both a manifest and an index"),
        ({"config": CONFIG}, "invalid manifest: both a manifest and an index"),
        ({"mediaType": "application/json"}, 'unsupported manifest media type "application/json"'),
    ],
)
def test_bad_indexes(members: dict[str, Any], message: str) -> None:
    index = {"schemaVersion": 2, "mediaType": media_types.DOCKER_INDEX, "manifests": [], **members}
    with pytest.raises(InvalidParameterError) as caught:
        manifest.decode(json.dumps(index).encode())
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"null", "invalid image configuration: not a JSON object"),
        (b"{", "invalid image configuration: not a JSON document"),
        (b'{"rootfs":{"diff_ids":["md5:1"]}}', "unsupported digest algorithm"),
        (b'{"rootfs":{"diff_ids":["layer"]}}', "invalid reference format"),
        (b'{"rootfs":{"diff_ids":"sha256:1"}}', "Expected `array`, got `str`"),
        (b'{"config":[]}', "invalid image configuration: Expected `object`, got `array`"),
        (b'{"history":{}}', "invalid image configuration: Expected `array`, got `object`"),
        (b'{"config":{"Env":"A=b"}}', "Expected `array`, got `str`"),
        (b'{"config":{"Labels":{"a":1}}}', "Expected `str`, got `int`"),
        (b'{"os":["linux"]}', "Expected `str`, got `array`"),
        (b" " * (MAX_DOCUMENT_SIZE + 1), "exceed the limit"),
    ],
)
def test_bad_configurations(data: bytes, message: str) -> None:
    with pytest.raises(InvalidParameterError) as caught:
        image.decode(data)
    assert message in str(caught.value)


def test_chain_ids() -> None:
    """image-spec config.md: each covers a layer and all below it."""
    other = "sha256:" + "b" * 64
    first, second = image.chain_ids([DIGEST, other])
    assert first == DIGEST
    assert second.startswith("sha256:")
    assert image.chain_ids([DIGEST]) == (DIGEST,)
    assert image.chain_ids([]) == ()


@pytest.mark.parametrize(
    ("media_type", "is_layer", "is_foreign"),
    [
        (media_types.OCI_LAYER_ZSTD, True, False),
        (media_types.DOCKER_LAYER_GZIP, True, False),
        ("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", True, True),
        ("application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", True, True),
        ("application/vnd.cncf.helm.chart.content.v1.tar+gzip", False, False),
    ],
)
def test_kinds_of_layers(media_type: str, is_layer: bool, is_foreign: bool) -> None:
    assert media_types.is_layer(media_type) == is_layer
    assert media_types.is_foreign_layer(media_type) == is_foreign
