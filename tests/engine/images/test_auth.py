"""Passwords, tokens, certificates and mirrors, against Debian's docker-registry."""

from pathlib import Path

import pytest

from boxship.engine.config import RegistryConfig
from boxship.engine.registry.auth import RegistryAuth
from boxship.engine.registry.errors import UnreachableError
from boxship.engine.registry.transport import Transport
from boxship.entrypoints import base_image
from boxship.errors import InternalError, NotFoundError, UnauthorizedError
from tests.engine.images.conftest import House, HouseMaker
from tests.support.certs import Authority
from tests.support.registry import (
    PASSWORD,
    USERNAME,
    Registry,
    TokenRegistry,
    push_image,
    registry_authorization,
)

GOOD = RegistryAuth(username=USERNAME, password=PASSWORD)
WRONG = RegistryAuth(username=USERNAME, password="wrong")


async def pull(house: House, name: str, auth: RegistryAuth | None = None) -> str:
    image = await house.images.pull(name, auth=auth, progress=house.messages.append)
    return image.id


async def test_a_password(house: House, registry_basic: Registry) -> None:
    name = push_image(registry_basic, "busybox").familiar
    with pytest.raises(UnauthorizedError, match="no basic auth credentials"):
        await pull(house, name)
    with pytest.raises(UnauthorizedError, match="unauthorized: "):
        await pull(house, name, WRONG)
    assert house.leftovers() == ([], [])
    assert await pull(house, name, GOOD) == base_image.busybox_image().config_digest


async def test_tokens(house: House, registry_token: TokenRegistry) -> None:
    public = push_image(registry_token, "public/busybox").familiar
    private = push_image(registry_token, "private/busybox").familiar
    assert await pull(house, public)
    with pytest.raises(UnauthorizedError, match="incorrect username or password"):
        await pull(house, private, WRONG)
    with pytest.raises(
        (UnauthorizedError, NotFoundError), match=r"pull access denied|unauthorized"
    ):
        await pull(house, private)
    assert await pull(house, private, GOOD)
    asked = registry_token.tokens.requests[-1]
    assert asked["scope"] == ["repository:private/busybox:pull"]
    assert asked["service"] == ["registry.test"]


async def test_a_ready_made_token(house: House, registry_token: TokenRegistry) -> None:
    private = push_image(registry_token, "private/busybox").familiar
    token = registry_authorization(registry_token).removeprefix("Bearer ")
    before = len(registry_token.tokens.requests)
    assert await pull(house, private, RegistryAuth(registry_token=token))
    assert len(registry_token.tokens.requests) == before


def test_certificates(registry_tls: Registry, authority: Authority, tmp_path: Path) -> None:
    def ask(*, verify: bool = True) -> int:
        transport = Transport(RegistryConfig(), certificates=tmp_path)
        url = f"https://{registry_tls.host}/v2/"
        return transport.request("GET", url, headers={}, verify_tls=verify).status

    with pytest.raises(UnreachableError, match=r"tls: failed to verify certificate: .*certs\.d"):
        ask()
    assert ask(verify=False) == 200
    directory = tmp_path / registry_tls.host
    directory.mkdir()
    (directory / "ca.crt").write_bytes(authority.root.cert_path.read_bytes())
    assert ask() == 200
    (directory / "broken.crt").write_text("rubbish")
    with pytest.raises(InternalError, match="cannot use the certificates in"):
        ask()


async def test_a_loopback_registry_with_any_certificate(
    house: House, registry_tls: Registry
) -> None:
    with pytest.raises(NotFoundError, match="manifest unknown"):
        await pull(house, f"{registry_tls.host}/nothing")


async def test_mirrors_come_first(open_house: HouseMaker, registry: Registry) -> None:
    house = open_house(RegistryConfig(mirrors=(f"http://{registry.host}/",)))
    image = await house.images.pull("busybox:latest", progress=house.messages.append)
    assert image.repo_tags == ("busybox:latest",)
    assert house.said()[0] == "Pulling from library/busybox"


async def test_a_mirror_of_another_registry(open_house: HouseMaker, registry: Registry) -> None:
    """Its path stands before the names that it mirrors."""
    push_image(registry, "cache/ghcr/team/app:1")
    mirror = f"http://{registry.host}/cache/ghcr"
    house = open_house(RegistryConfig(mirrors_of={"ghcr.example": (mirror,)}))
    image = await house.images.pull("ghcr.example/team/app:1", progress=house.messages.append)
    assert image.repo_tags == ("ghcr.example/team/app:1",)
    assert house.said()[0] == "Pulling from team/app"


async def test_all_tags(house: House, registry: Registry) -> None:
    for tag in ("1", "2", "3"):
        push_image(registry, f"many:{tag}")
    await house.images.pull(f"{registry.host}/many", all_tags=True, progress=house.messages.append)
    (row,) = house.images.list()
    assert row.repo_tags == tuple(f"{registry.host}/many:{tag}" for tag in "123")
    assert house.said()[-1] == f"Status: Downloaded newer image for {registry.host}/many"


async def test_by_digest(house: House, registry: Registry) -> None:
    push_image(registry, "app:1")
    digest = base_image.busybox_image().digest
    name = f"{registry.host}/app@{digest}"
    image = await house.images.pull(name, progress=house.messages.append)
    assert image.repo_tags == ()
    assert image.repo_digests == (name,)
    assert house.images.get(name).id == image.id
    assert house.said()[-1] == f"Status: Downloaded newer image for {name}"
