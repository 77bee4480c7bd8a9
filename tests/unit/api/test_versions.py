import pytest

from boxship.api.versions import (
    MAX_API_VERSION,
    ApiVersion,
    ApiVersionError,
    check_version,
    parse_version,
    split_version,
)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/info", (None, "/info")),
        ("/v1.44/info", ("1.44", "/info")),
        ("/v1.24/images/v1.2/x/json", ("1.24", "/images/v1.2/x/json")),
        ("/volumes", (None, "/volumes")),
        ("/v1.44", (None, "/v1.44")),
        ("/v1.44/", ("1.44", "/")),
        ("/vx/info", (None, "/vx/info")),
    ],
)
def test_the_version_prefix_is_split_off(path: str, expected: tuple[str | None, str]) -> None:
    assert split_version(path) == expected


@pytest.mark.parametrize("text", ["1.24", "1.40", "1.41", "1.44", "1.50", "1.55"])
def test_served_versions_are_accepted(text: str) -> None:
    assert str(check_version(text)) == text


def test_without_a_version_the_newest_is_meant() -> None:
    assert check_version(None) == MAX_API_VERSION == ApiVersion(1, 55)


def test_versions_compare_by_number() -> None:
    assert parse_version("1.9") < (1, 24) <= parse_version("1.24") < parse_version("1.100")
    assert parse_version("2") == (2, 0)


@pytest.mark.parametrize(("text", "plain"), [("1.23", True), ("1.9", True), ("0.1", True)])
def test_too_old_versions_are_refused_in_plain_text(text: str, plain: bool) -> None:
    with pytest.raises(ApiVersionError) as caught:
        check_version(text)
    assert caught.value.message == (
        f"client version {text} is too old. Minimum supported API version is 1.24, "
        "please upgrade your client to a newer version"
    )
    assert caught.value.plain_text is plain


def test_too_new_versions_are_refused() -> None:
    with pytest.raises(ApiVersionError) as caught:
        check_version("1.99")
    assert caught.value.message == (
        "client version 1.99 is too new. Maximum supported API version is 1.55"
    )
    assert not caught.value.plain_text


def test_a_raised_minimum_is_honoured() -> None:
    with pytest.raises(ApiVersionError, match=r"Minimum supported API version is 1\.40") as caught:
        check_version("1.30", ApiVersion(1, 40))
    assert not caught.value.plain_text
