"""What registries are asked without pulling: distribution, search, manifests, copies."""

import json
from collections.abc import Iterator

import pytest

from boxship.engine.config import RegistryConfig
from boxship.engine.registry.auth import RegistryAuth
from boxship.engine.registry.client import RegistryClient
from boxship.engine.registry.questions import RegistryQuestions
from boxship.engine.registry.search import wish
from boxship.entrypoints import base_image
from boxship.errors import (
    InternalError,
    InvalidParameterError,
    NotFoundError,
    NotSupportedError,
    UnauthorizedError,
)
from boxship.oci.image import ExecutionConfig
from boxship.oci.media_types import OCI_INDEX
from boxship.oci.platform import host_platform
from tests.engine.images.hostile import HostileRegistry, always
from tests.engine.images.test_archives import tar_of
from tests.support.own_registry import OwnRegistry
from tests.support.registry import PASSWORD, USERNAME, Registry, push_image

AUTH = RegistryAuth(username=USERNAME, password=PASSWORD)
HUB_ANSWER = {
    "results": [
        {"name": "nginx", "description": "Web server", "star_count": 20, "is_official": True},
        {"name": "me/nginx", "description": None, "star_count": 2, "is_automated": True},
    ]
}


@pytest.fixture
def questions() -> Iterator[RegistryQuestions]:
    """Asks with default settings."""
    client = RegistryClient(RegistryConfig())
    asking = RegistryQuestions(client)
    yield asking
    asking.close()
    client.close()


@pytest.fixture
def hostile() -> Iterator[HostileRegistry]:
    """A registry of which tests decide what it answers."""
    registry = HostileRegistry(base_image.make_image([tar_of({"x": b"y"})], ExecutionConfig()))
    yield registry
    registry.close()


def index_of(image: base_image.Image) -> bytes:
    """An index of one image."""
    entry = {
        "mediaType": image.media_type,
        "digest": image.digest,
        "size": len(image.manifest),
        "platform": {"architecture": "arm", "os": "linux", "variant": "v7"},
    }
    document = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [entry]}
    return json.dumps(document).encode()


async def test_inspect_an_image(questions: RegistryQuestions, registry: Registry) -> None:
    name = push_image(registry, "app:1")
    image = base_image.busybox_image()
    found = await questions.inspect(name.familiar)
    assert found.descriptor.digest == image.digest
    assert found.descriptor.size == len(image.manifest)
    assert found.descriptor.media_type == image.media_type
    assert [one.text for one in found.platforms] == [host_platform().text]


async def test_manifests_come_and_go_as_they_are(
    questions: RegistryQuestions, registry: Registry
) -> None:
    name = push_image(registry, "app:1")
    index = index_of(base_image.busybox_image())
    await questions.put_manifest(f"{registry.host}/app:multi", OCI_INDEX, index)
    found = await questions.manifest(f"{registry.host}/app:multi")
    assert (found.data, found.media_type) == (index, OCI_INDEX)
    listed = await questions.inspect(f"{registry.host}/app:multi")
    assert [one.text for one in listed.platforms] == ["linux/arm/v7"]
    image = base_image.busybox_image()
    config = await questions.document(f"{name.familiar_name}@{image.config_digest}")
    assert config == image.blobs[image.config_digest]


async def test_copy_within_a_registry(questions: RegistryQuestions, registry: Registry) -> None:
    push_image(registry, "app:1")
    image = base_image.busybox_image()
    digest = await questions.copy(f"{registry.host}/app:1", f"{registry.host}/team/copy:2")
    assert digest == image.digest
    assert (await questions.manifest(f"{registry.host}/team/copy:2")).data == image.manifest


async def test_copy_an_index_to_another_registry(
    questions: RegistryQuestions, registry: Registry, own_registry: OwnRegistry
) -> None:
    push_image(registry, "app:1")
    index = index_of(base_image.busybox_image())
    await questions.put_manifest(f"{registry.host}/app:multi", OCI_INDEX, index)
    target = f"{own_registry.host}/copied:1"
    await questions.copy(f"{registry.host}/app:multi", target)
    assert (await questions.manifest(target)).data == index
    image = base_image.busybox_image()
    member = await questions.manifest(f"{own_registry.host}/copied@{image.digest}")
    assert member.data == image.manifest


async def test_what_is_not_there(questions: RegistryQuestions, registry: Registry) -> None:
    with pytest.raises(NotFoundError, match="manifest unknown"):
        await questions.inspect(f"{registry.host}/nothing:1")


async def test_without_credentials(questions: RegistryQuestions, registry_basic: Registry) -> None:
    push_image(registry_basic, "app:1")
    with pytest.raises(UnauthorizedError, match="no basic auth credentials"):
        await questions.inspect(f"{registry_basic.host}/app:1")
    assert await questions.inspect(f"{registry_basic.host}/app:1", AUTH)


async def test_no_manifest_is_no_manifest(questions: RegistryQuestions, registry: Registry) -> None:
    with pytest.raises(InvalidParameterError, match="invalid manifest: not a JSON document"):
        await questions.put_manifest(f"{registry.host}/app:x", OCI_INDEX, b"{")


async def test_a_document_that_lies(questions: RegistryQuestions, hostile: HostileRegistry) -> None:
    digest = f"sha256:{'1' * 64}"
    hostile.hooks["/blobs/"] = always(200, b"other bytes")
    with pytest.raises(InternalError, match=f"sent other bytes than {digest}"):
        await questions.document(f"{hostile.host}/app@{digest}")


async def test_the_classic_search(questions: RegistryQuestions, hostile: HostileRegistry) -> None:
    hostile.hooks["/v1/search"] = always(200, json.dumps(HUB_ANSWER).encode())
    term = f"{hostile.host}/nginx"
    first, second = await questions.search(wish(term, 0, {}))
    assert (first.name, first.description, first.stars) == ("nginx", "Web server", 20)
    assert (second.description, second.automated) == ("", True)
    (_, path, _) = next(one for one in hostile.requests if "/v1/search" in one[1])
    assert path == "/v1/search?q=nginx&n=25"
    for filters, expected in (
        ({"stars": ("3",)}, ["nginx"]),
        ({"is-official": ("false",)}, ["me/nginx"]),
        ({"is-automated": ("true",)}, ["me/nginx"]),
    ):
        found = await questions.search(wish(term, 10, filters))
        assert [one.name for one in found] == expected


async def test_the_catalog_stands_in(questions: RegistryQuestions, registry: Registry) -> None:
    push_image(registry, "library/busybox:1")
    (found,) = await questions.search(wish(f"{registry.host}/library/busy", 5, {}))
    assert found.name == f"{registry.host}/library/busybox"


async def test_a_registry_without_search(
    questions: RegistryQuestions, hostile: HostileRegistry
) -> None:
    with pytest.raises(NotSupportedError, match="offers neither Docker's search nor a catalog"):
        await questions.search(wish(f"{hostile.host}/x", 5, {}))


@pytest.mark.parametrize(
    ("term", "limit", "filters", "words"),
    [
        ("", 1, {}, "a search needs a term"),
        ("x", 101, {}, r"limit 101 is outside the range of \[1, 100\]"),
        ("x", 1, {"odd": ("1",)}, "invalid filter 'odd'"),
        ("x", 1, {"stars": ("many",)}, "invalid filter 'stars=many'"),
        ("x", 1, {"is-official": ("maybe",)}, "invalid filter 'is-official=maybe'"),
    ],
)
def test_wishes_that_make_no_sense(
    term: str, limit: int, filters: dict[str, tuple[str, ...]], words: str
) -> None:
    with pytest.raises(InvalidParameterError, match=words):
        wish(term, limit, filters)
