"""Tokens: which signatures, signers and claims are accepted."""

import base64
import json
import time
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from boxship.engine.registry.server.faults import UnauthorizedError
from boxship.engine.registry.server.tokens import TokenAuthority, TrustedKeys
from boxship.errors import InvalidParameterError
from tests.support.certs import Authority, Certificate

REALM = "https://auth.example.com/token"
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


def encoded(data: bytes | dict[str, Any]) -> str:
    """Base64 without padding, of bytes or of a JSON document."""
    raw = data if isinstance(data, bytes) else json.dumps(data).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def signed(key: Key, claims: dict[str, Any], **header: Any) -> str:
    """A token; claims that are None are left out."""
    given = {"alg": "RS256" if isinstance(key, rsa.RSAPrivateKey) else "ES256", **header}
    whole = {
        "iss": "auth",
        "aud": "registry",
        "exp": time.time() + 300,
        "access": [{"type": "repository", "name": "app", "actions": ["pull"]}],
        **claims,
    }
    present = {name: value for name, value in whole.items() if value is not None}
    text = f"{encoded(given)}.{encoded(present)}"
    if isinstance(key, rsa.RSAPrivateKey):
        signature = key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())
    else:
        r, s = decode_dss_signature(key.sign(text.encode(), ec.ECDSA(hashes.SHA256())))
        signature = r.to_bytes(32, "big") + s.to_bytes(32, "big")
    return f"{text}.{encoded(signature)}"


def public_pem(key: Key) -> bytes:
    """The public key as PEM."""
    kind = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.PEM, kind)


def authority_with(path: Path, *, anonymous_pull: bool = False) -> TokenAuthority:
    """An authority that trusts the keys in a file."""
    keys = TrustedKeys(path)
    return TokenAuthority(keys, REALM, "registry", "auth", anonymous_pull=anonymous_pull)


@pytest.fixture
def key() -> ec.EllipticCurvePrivateKey:
    """A key that is trusted."""
    return ec.generate_private_key(ec.SECP256R1())


@pytest.fixture
def tokens(tmp_path: Path, key: Key) -> TokenAuthority:
    """An authority that trusts ``key``, and an RSA key beside it."""
    path = tmp_path / "keys.pem"
    other = rsa.generate_private_key(65537, 2048)
    path.write_bytes(public_pem(other) + public_pem(key))
    return authority_with(path)


async def test_what_a_token_allows(tokens: TokenAuthority, key: Key) -> None:
    access = [
        {"type": "repository", "name": "app", "actions": ["pull"]},
        {"type": "repository", "name": "app", "actions": ["push"]},
        {"type": "repository", "name": "all", "actions": ["*"]},
        {"type": "registry", "name": "catalog", "actions": ["*"]},
    ]
    grant = await tokens.grant(f"Bearer {signed(key, {'access': access, 'sub': 'ada'})}")
    assert grant.user == "ada"
    allowed = [
        (name, action)
        for name in ("app", "all", "other")
        for action in ("pull", "push", "delete")
        if grant.allows(name, action)
    ]
    assert allowed == [
        ("app", "pull"), ("app", "push"), ("all", "pull"), ("all", "push"), ("all", "delete")
    ]  # fmt: skip
    assert grant.allows("", "*")


async def test_rsa(tmp_path: Path) -> None:
    key = rsa.generate_private_key(65537, 2048)
    path = tmp_path / "keys.pem"
    path.write_bytes(public_pem(key))
    grant = await authority_with(path).grant(f"Bearer {signed(key, {})}")
    assert grant.allows("app", "pull")


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"aud": "another"}, "another service"),
        ({"aud": None}, "another service"),
        ({"iss": "another"}, "another issuer"),
        ({"exp": 1}, "has expired"),
        ({"exp": None}, "has expired"),
        ({"exp": "soon"}, "has expired"),
        ({"nbf": 4e9}, "not valid yet"),
    ],
)
async def test_wrong_claims(
    tokens: TokenAuthority, key: Key, claims: dict[str, Any], reason: str
) -> None:
    with pytest.raises(UnauthorizedError, match=reason):
        await tokens.grant(f"Bearer {signed(key, claims)}")


async def test_wrong_signatures(tokens: TokenAuthority, key: Key) -> None:
    stranger = ec.generate_private_key(ec.SECP256R1())
    good = signed(key, {})
    head, _, rest = good.partition(".")
    wrong = [
        signed(stranger, {}),
        signed(key, {}, alg="none"),
        signed(key, {}, alg="HS256"),
        signed(key, {}, alg="ES384"),
        f"{head}.{encoded({'iss': 'auth'})}.{rest.partition('.')[2]}",
        f"{head}.{rest.partition('.')[0]}.",
    ]
    for token in wrong:
        with pytest.raises(UnauthorizedError, match="signature is wrong"):
            await tokens.grant(f"Bearer {token}")


@pytest.mark.parametrize(
    "token", ["", "a", "a.b", "a.b.c", "ä.ö.ü", "bnVsbA.bnVsbA.x", "x" * 70000]
)
async def test_malformed_tokens(tokens: TokenAuthority, token: str) -> None:
    with pytest.raises(UnauthorizedError, match="malformed token"):
        await tokens.grant(f"Bearer {token}")


def _chain(*certificates: Certificate) -> list[str]:
    form = serialization.Encoding.DER
    return [base64.b64encode(item.certificate.public_bytes(form)).decode() for item in certificates]


async def test_a_signer_below_a_trusted_authority(tmp_path: Path) -> None:
    root = Authority(tmp_path / "root")
    leaf = root.server("auth.example.com")
    tokens = authority_with(root.root.cert_path)
    grant = await tokens.grant(f"Bearer {signed(leaf.key, {}, x5c=_chain(leaf))}")
    assert grant.allows("app", "pull")
    own = await tokens.grant(f"Bearer {signed(root.root.key, {}, x5c=_chain(root.root))}")
    assert own.is_known


async def test_a_signer_of_another_authority(tmp_path: Path) -> None:
    root, other = Authority(tmp_path / "root"), Authority(tmp_path / "other")
    stranger, leaf = other.server("auth.example.com"), root.server("leaf.example.com")
    tokens = authority_with(root.root.cert_path)
    chains = [
        _chain(stranger),
        _chain(stranger, root.root),
        _chain(stranger, leaf),  # a leaf is no authority
        ["no certificate"],
    ]
    for chain in chains:
        with pytest.raises(UnauthorizedError, match=r"not one that this registry trusts|read"):
            await tokens.grant(f"Bearer {signed(stranger.key, {}, x5c=chain)}")


def test_challenges(tokens: TokenAuthority) -> None:
    begin = f'Bearer realm="{REALM}",service="registry"'
    assert tokens.challenge("", "", "", "") == begin
    pull = tokens.challenge("app", "pull", "", "")
    assert pull == f'{begin},scope="repository:app:pull"'
    push = tokens.challenge("app", "push", "", "insufficient_scope")
    assert push == f'{begin},scope="repository:app:pull,push",error="insufficient_scope"'
    assert tokens.challenge("", "*", "", "") == f'{begin},scope="registry:catalog:*"'


async def test_strangers(tmp_path: Path, key: Key) -> None:
    path = tmp_path / "keys.pem"
    path.write_bytes(public_pem(key))
    assert not (await authority_with(path).grant("")).allows("app", "pull")
    opened = authority_with(path, anonymous_pull=True)
    assert (await opened.grant("")).allows("app", "pull")
    with pytest.raises(UnauthorizedError, match="Bearer"):
        await opened.grant("Basic YTpi")


@pytest.mark.parametrize("text", ["", "no PEM at all", "-----BEGIN PUBLIC KEY-----\nxx\n"])
def test_keys_of_no_use(tmp_path: Path, text: str) -> None:
    path = tmp_path / "keys.pem"
    path.write_text(text)
    with pytest.raises(InvalidParameterError, match=r"keys\.pem"):
        TrustedKeys(path)
