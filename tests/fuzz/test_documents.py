"""References, manifests, indexes and configurations of strangers: an error of our own, at worst."""

import contextlib
import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from boxship.errors import BoxshipError
from boxship.oci import image as configs
from boxship.oci import manifest as manifests
from boxship.oci import media_types
from boxship.oci.platform import parse_platform
from boxship.reference import parse_normalized
from tests.support.images import image, image_index

BUDGET = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
IMAGE = image()
CONFIG = IMAGE.blobs[IMAGE.config_digest]
INDEX = image_index({"linux/amd64": IMAGE}).manifest
DOCUMENTS = [IMAGE.manifest, INDEX, CONFIG]

leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from([-1, 2**63, 2**64, "sha256:", "sha256:" + "0" * 64, "../x", "\ud800"]),
)
values = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["digest", "size", "mediaType", "os", "layers", "rootfs", "x"]),
            inner,
            max_size=3,
        ),
    ),
    max_leaves=8,
)


def decode_all(data: bytes) -> None:
    """Try it as everything that a registry may say it is."""
    for media_type in (media_types.OCI_MANIFEST, media_types.OCI_INDEX, media_types.DOCKER_INDEX):
        with contextlib.suppress(BoxshipError):
            manifests.decode(data, media_type)
    with contextlib.suppress(BoxshipError):
        configs.decode(data)


def places(document: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of every value in a document."""
    found = [path] if path else []
    items = document.items() if isinstance(document, dict) else []
    items = list(enumerate(document)) if isinstance(document, list) else items
    for key, value in items:
        found += places(value, (*path, key))
    return found


@BUDGET
@given(text=st.one_of(st.text(max_size=80), st.from_regex(r"[a-zA-Z0-9.:/@_-]{0,120}")))
def test_references(text: str) -> None:
    try:
        reference = parse_normalized(text)
    except BoxshipError:
        return
    assert parse_normalized(str(reference)) == reference
    assert parse_normalized(reference.familiar) == reference


@BUDGET
@given(text=st.text(max_size=40))
def test_platforms(text: str) -> None:
    with contextlib.suppress(BoxshipError):
        platform = parse_platform(text)
        assert parse_platform(platform.text) == platform


@BUDGET
@given(document=st.sampled_from(DOCUMENTS), data=st.data(), value=values)
def test_one_value_is_another(document: bytes, data: st.DataObject, value: object) -> None:
    changed = json.loads(document)
    *path, last = data.draw(st.sampled_from(places(changed)))
    place = changed
    for key in path:
        place = place[key]
    place[last] = value
    decode_all(json.dumps(changed).encode("utf-8", "surrogatepass"))


@BUDGET
@given(
    document=st.sampled_from(DOCUMENTS),
    position=st.integers(0, 2000),
    piece=st.binary(max_size=8),
)
def test_damaged_bytes(document: bytes, position: int, piece: bytes) -> None:
    position %= len(document)
    decode_all(document[:position] + piece + document[position + len(piece) :])
    decode_all(document[:position])


@BUDGET
@given(value=values)
def test_invented_documents(value: object) -> None:
    decode_all(json.dumps(value).encode("utf-8", "surrogatepass"))


def test_a_deep_document() -> None:
    decode_all(b"[" * 200_000)
    decode_all(b'{"a":' * 100_000 + b"1" + b"}" * 100_000)
