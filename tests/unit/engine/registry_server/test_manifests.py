"""Manifests of any kind: what is found in them, and what is refused with which words."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boxship.engine.registry.server.faults import ManifestInvalidError
from boxship.engine.registry.server.manifests import read_manifest
from boxship.oci import media_types

ONE, TWO, THREE = (f"sha256:{digit * 64}" for digit in "123")
CONFIG = {"mediaType": media_types.OCI_CONFIG, "digest": ONE, "size": 2}


def read(document: object, media_type: str = "") -> Any:
    """Read a document as it would be sent."""
    return read_manifest(json.dumps(document).encode(), media_type, "sha256:0")


def test_what_is_in_an_image() -> None:
    layer = {"mediaType": media_types.OCI_LAYER_GZIP, "digest": TWO, "size": 3}
    image = {
        "schemaVersion": 2,
        "config": CONFIG,
        "layers": [layer, layer],
        "subject": {"mediaType": "x", "digest": THREE, "size": 1},
        "annotations": {"a": "b"},
    }
    found = read(image)
    assert found.media_type == media_types.OCI_MANIFEST
    assert found.members == (ONE, TWO)
    assert (found.subject, found.artifact_type) == (THREE, media_types.OCI_CONFIG)
    assert found.annotations == {"a": "b"}


def test_what_is_in_an_index() -> None:
    index = {"schemaVersion": 2, "manifests": [{"digest": TWO, "size": 3}], "artifactType": None}
    found = read(index)
    assert (found.media_type, found.members) == (media_types.OCI_INDEX, (TWO,))
    assert (found.subject, found.artifact_type) == ("", "")


@pytest.mark.parametrize(
    ("document", "media_type", "reason"),
    [
        ([], "", "not a JSON object"),
        ({"schemaVersion": 1}, "", "schema 1 is too old"),
        ({"schemaVersion": 2}, "", '"config" is missing'),
        ({"schemaVersion": 3, "config": CONFIG}, "", "schemaVersion is not 2"),
        ({"schemaVersion": 2, "config": CONFIG, "manifests": []}, media_types.OCI_MANIFEST, "both"),
        ({"schemaVersion": 2, "manifests": [], "layers": []}, "", "both"),
        ({"schemaVersion": 2, "mediaType": "a/b", "config": CONFIG}, "c/d", 'calls itself "a/b"'),
        ({"schemaVersion": 2, "config": []}, "", '"config" is no descriptor'),
        ({"schemaVersion": 2, "config": {"digest": "x", "size": 1}}, "", "bad digest 'x'"),
        ({"schemaVersion": 2, "config": {"digest": ONE}}, "", "impossible size None"),
        ({"schemaVersion": 2, "config": {"digest": ONE, "size": -1}}, "", "impossible size -1"),
        ({"schemaVersion": 2, "config": {"digest": ONE, "size": True}}, "", "impossible size True"),
        ({"schemaVersion": 2, "config": CONFIG, "layers": {}}, "", '"layers" is not a list'),
        ({"schemaVersion": 2, "config": CONFIG, "annotations": {"a": 1}}, "", "map text to text"),
        ({"schemaVersion": 2, "config": CONFIG, "artifactType": 1}, "", "is not a text"),
        ({"mediaType": 5}, "", "is not a text"),
    ],
)
def test_malformed_manifests(document: object, media_type: str, reason: str) -> None:
    with pytest.raises(ManifestInvalidError, match=reason):
        read(document, media_type)


@pytest.mark.parametrize("data", [b"", b"{", b"\xff\xfe", b"[" * 100000, b'{"a": nope}'])
def test_what_is_not_json(data: bytes) -> None:
    with pytest.raises(ManifestInvalidError, match="invalid manifest"):
        read_manifest(data, media_types.OCI_MANIFEST, "sha256:0")


_MEMBERS = (
    "schemaVersion",
    "mediaType",
    "config",
    "layers",
    "manifests",
    "subject",
    "annotations",
    "digest",
    "size",
    "urls",
    "artifactType",
)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.just(ONE),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(_MEMBERS),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)


@given(_JSON)
def test_any_document_is_read_or_refused(document: object) -> None:
    try:
        found = read(document)
    except ManifestInvalidError:
        return
    assert all(member.startswith("sha") for member in found.members)
