"""Attestations that refer to an image in its registry: by the API, fallback tags, cosign's tag."""

import base64
import json
import threading
from collections.abc import Iterator

import pytest

from boxship.engine.images.attestations import PREDICATE_TYPE, Attestation
from boxship.engine.registry.auth import RegistryAuth
from boxship.engine.registry.transport import TimeLimits
from boxship.oci import intoto
from boxship.oci.platform import host_platform
from tests.engine.images.conftest import House, HouseMaker
from tests.engine.images.hostile import Exchange, Hook, HostileRegistry, always
from tests.support.images import attached_to, image_for, referrers_of
from tests.support.own_registry import OwnRegistry
from tests.support.registry import PASSWORD, USERNAME, Registry, push_image

HOST = host_platform().text
SLSA = "https://slsa.dev/provenance/v1"
STATEMENT = json.dumps({"_type": "https://in-toto.io/Statement/v1", "predicateType": SLSA}).encode()
ENVELOPE = json.dumps(
    {"payloadType": intoto.STATEMENT, "payload": base64.b64encode(STATEMENT).decode()}
).encode()
BUNDLE = b'{"dsseEnvelope":%s}' % ENVELOPE
BUNDLE_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
SIGNATURE = b'{"messageSignature":{}}'
CASES = [
    ("plain", intoto.STATEMENT, STATEMENT, {}, SLSA, STATEMENT),
    (
        "annotated",
        intoto.STATEMENT,
        STATEMENT,
        {PREDICATE_TYPE: "https://told"},
        "https://told",
        STATEMENT,
    ),
    ("envelope", intoto.ENVELOPE, ENVELOPE, {"predicateType": SLSA}, SLSA, STATEMENT),
    ("bundle", BUNDLE_TYPE, BUNDLE, {"dev.sigstore.bundle.predicateType": SLSA}, SLSA, STATEMENT),
    ("signature", BUNDLE_TYPE, SIGNATURE, {}, BUNDLE_TYPE, b""),
]

IDS = [case[0] for case in CASES]


async def pulled(house: House, name: str) -> str:
    await house.images.pull(name, progress=house.messages.append)
    return name


@pytest.mark.parametrize(
    ("case", "kind", "data", "annotations", "told", "statement"), CASES, ids=IDS
)
async def test_through_the_api(
    house: House,
    own_registry: OwnRegistry,
    case: str,
    kind: str,
    data: bytes,
    annotations: dict[str, str],
    told: str,
    statement: bytes,
) -> None:
    made = image_for(HOST)
    repository = f"referred/{case}"
    name = await pulled(house, push_image(own_registry, f"{repository}:1", made).familiar)
    artifact = attached_to(made, kind, data, annotations)
    push_image(own_registry, f"{repository}:other", artifact)
    push_image(own_registry, f"{repository}:sbom", attached_to(made, "application/spdx+json", b"x"))
    (found,) = await house.images.attestations(name, statements=True)
    assert found.descriptor.digest == artifact.layer_digests[0]
    assert (found.predicate_type, found.statement) == (told, statement)
    (short,) = await house.images.attestations(name, types=[told])
    assert short == Attestation(found.descriptor, told, b"")
    assert await house.images.attestations(name, types=["https://other"]) == []


async def test_by_fallback_tags(house: House, registry: Registry) -> None:
    """Of a registry that knows no referrers."""
    made = image_for(HOST)
    name = await pulled(house, push_image(registry, "tagged:1", made).familiar)
    assert await house.images.attestations(name) == []
    tag = made.digest.replace(":", "-")
    artifact = attached_to(made, BUNDLE_TYPE, BUNDLE)
    push_image(registry, "tagged:other", artifact)
    push_image(registry, f"tagged:{tag}", referrers_of([artifact]))
    envelope = attached_to(made, intoto.ENVELOPE, ENVELOPE)
    push_image(registry, f"tagged:{tag}.att", envelope)
    found = await house.images.attestations(name)
    assert [one.descriptor.digest for one in found] == [
        artifact.layer_digests[0],
        envelope.layer_digests[0],
    ]
    assert {one.predicate_type for one in found} == {SLSA}


@pytest.fixture
def hostile() -> Iterator[HostileRegistry]:
    """A registry with an image."""
    registry = HostileRegistry(image_for(HOST))
    yield registry
    registry.close()


@pytest.mark.parametrize(
    "answer",
    [
        always(500, b""),
        always(200, b"<html>"),
        always(200, b'{"schemaVersion":2,"manifests":[{"artifactType":"%s"}]}'),
        always(401, b"", {"WWW-Authenticate": 'Basic realm="x"'}),
    ],
)
async def test_a_registry_that_is_no_help(
    house: House, hostile: HostileRegistry, answer: Hook
) -> None:
    name = await pulled(house, hostile.name)
    hostile.hooks["/referrers/"] = answer
    assert await house.images.attestations(name) == []
    assert hostile.count("/referrers/")


@pytest.mark.parametrize(
    "data", [b"no JSON", b"[]", b'{"payloadType":"%s","payload":"!"}' % intoto.STATEMENT.encode()]
)
async def test_a_statement_that_is_none(
    house: House, own_registry: OwnRegistry, data: bytes
) -> None:
    made = image_for(HOST)
    name = await pulled(house, push_image(own_registry, f"odd{len(data)}:1", made).familiar)
    push_image(own_registry, f"odd{len(data)}:2", attached_to(made, intoto.STATEMENT, data))
    assert await house.images.attestations(name, statements=True) == []


async def test_a_registry_that_stalls(open_house: HouseMaker, hostile: HostileRegistry) -> None:
    house = open_house(limits=TimeLimits(connect=2.0, read=0.5))
    name = await pulled(house, hostile.name)
    hostile.hooks["/referrers/"] = _stall
    assert await house.images.attestations(name) == []


def _stall(exchange: Exchange) -> bool:
    exchange.owner.released.wait(30)
    return True


async def test_credentials_go_to_their_own_registry(house: House, hostile: HostileRegistry) -> None:
    name = await pulled(house, hostile.name)
    wanted = threading.Event()

    def refuse(exchange: Exchange) -> bool:
        if exchange.headers.get("Authorization"):
            wanted.set()
        exchange.answer(401, b"", {"WWW-Authenticate": 'Basic realm="x"'})
        return True

    hostile.hooks["/referrers/"] = refuse
    for address, is_sent in (("other.example", False), (f"https://{hostile.host}/v1/", True)):
        auth = RegistryAuth(username=USERNAME, password=PASSWORD, server_address=address)
        assert await house.images.attestations(name, auth=auth) == []
        assert wanted.is_set() is is_sent
