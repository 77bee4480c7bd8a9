"""Image names: the cases of Docker's reference grammar."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boxship.errors import InvalidParameterError
from boxship.reference import Reference, check_digest, is_digest, is_tag, parse_normalized

DIGEST = "sha256:" + "9f" * 32


@pytest.mark.parametrize(
    ("text", "canonical", "familiar"),
    [
        ("nginx", "docker.io/library/nginx", "nginx"),
        ("nginx:1.25", "docker.io/library/nginx:1.25", "nginx:1.25"),
        ("user/app", "docker.io/user/app", "user/app"),
        ("docker.io/nginx", "docker.io/library/nginx", "nginx"),
        ("index.docker.io/nginx:x", "docker.io/library/nginx:x", "nginx:x"),
        ("index.docker.io/user/app", "docker.io/user/app", "user/app"),
        ("localhost/app", "localhost/app", "localhost/app"),
        ("localhost:5000/app:v1", "localhost:5000/app:v1", "localhost:5000/app:v1"),
        ("host:5000/a/b", "host:5000/a/b", "host:5000/a/b"),
        ("127.0.0.1:5000/busybox", "127.0.0.1:5000/busybox", "127.0.0.1:5000/busybox"),
        ("[::1]:5000/app", "[::1]:5000/app", "[::1]:5000/app"),
        ("[2001:db8::1]/app", "[2001:db8::1]/app", "[2001:db8::1]/app"),
        ("UPPER/app", "UPPER/app", "UPPER/app"),
        ("library/a/b", "docker.io/library/a/b", "library/a/b"),
        ("a__b/c--d.e_f", "docker.io/a__b/c--d.e_f", "a__b/c--d.e_f"),
        (f"app@{DIGEST}", f"docker.io/library/app@{DIGEST}", f"app@{DIGEST}"),
        (f"app:v1@{DIGEST}", f"docker.io/library/app:v1@{DIGEST}", f"app:v1@{DIGEST}"),
    ],
)
def test_parse_normalized(text: str, canonical: str, familiar: str) -> None:
    reference = parse_normalized(text)
    assert str(reference) == canonical
    assert reference.familiar == familiar
    assert parse_normalized(canonical) == reference


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "invalid reference format"),
        (":tag", "invalid reference format"),
        ("a b", "invalid reference format"),
        ("-app", "invalid reference format"),
        ("a..b", "invalid reference format"),
        ("a___b", "invalid reference format"),
        ("a._b", "invalid reference format"),
        ("app:", "invalid reference format"),
        ("app:ta g", "invalid reference format"),
        ("app:" + "t" * 129, "invalid reference format"),
        ("host:port/app", "invalid reference format"),
        ("-bad.host/app", "invalid reference format"),
        ("[::1/app", "invalid reference format"),
        ("a//b", "invalid reference format"),
        ("app@sha256", "invalid reference format"),
        ("Foo", "invalid reference format: repository name (library/Foo) must be lowercase"),
        ("a/Foo:x", "invalid reference format: repository name (a/Foo) must be lowercase"),
        ("app@sha256:abc", "invalid reference format"),
        ("app@sha256:" + "zz" * 32, "invalid reference format"),
        ("app@sha256:" + "0" * 40, "invalid checksum digest length"),
        ("app@sha256:" + "AB" * 32, "invalid checksum digest format"),
        ("app@md5:" + "0" * 32, "unsupported digest algorithm"),
        (
            "a" * 64,
            f"invalid repository name ({'a' * 64}), cannot specify 64-byte hexadecimal strings",
        ),
        ("a/" * 130 + "b", "repository name must not be more than 255 characters"),
    ],
)
def test_parse_normalized_refuses(text: str, message: str) -> None:
    with pytest.raises(InvalidParameterError) as caught:
        parse_normalized(text)
    assert caught.value.message == message


def test_default_tag_only_when_nothing_else_names_content() -> None:
    assert parse_normalized("app").with_default_tag().tag == "latest"
    assert parse_normalized("app:v1").with_default_tag().tag == "v1"
    assert parse_normalized(f"app@{DIGEST}").with_default_tag().tag is None


def test_replacing_tag_and_digest() -> None:
    reference = parse_normalized("app:v1")
    assert reference.with_tag("v2") == Reference("docker.io", "library/app", "v2")
    assert reference.with_digest(DIGEST).familiar == f"app@{DIGEST}"
    with pytest.raises(InvalidParameterError, match="invalid tag format"):
        reference.with_tag("-")
    with pytest.raises(InvalidParameterError, match="invalid checksum digest length"):
        reference.with_digest("sha256:00")


def test_digests_and_tags() -> None:
    assert is_digest(DIGEST)
    assert not is_digest("9f" * 32)
    assert is_tag("_x.y-Z")
    assert not is_tag(".x")
    check_digest("sha512:" + "a" * 128)


@given(st.text(max_size=80))
def test_any_text_parses_or_is_refused(text: str) -> None:
    try:
        reference = parse_normalized(text)
    except InvalidParameterError:
        return
    assert parse_normalized(str(reference)) == reference
    assert parse_normalized(reference.familiar) == reference
