"""Platforms: their spellings, and which of several fits."""

import pytest

from boxship.errors import InvalidParameterError
from boxship.oci.platform import Platform, choose, host_platform, parse_platform, rank


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("linux/amd64", "linux/amd64"),
        ("linux/x86_64", "linux/amd64"),
        ("linux/amd64/v1", "linux/amd64"),
        ("linux/aarch64", "linux/arm64"),
        ("linux/arm64/v8", "linux/arm64"),
        ("linux/arm64/8", "linux/arm64"),
        ("linux/arm", "linux/arm/v7"),
        ("linux/armhf", "linux/arm/v7"),
        ("linux/armel", "linux/arm/v6"),
        ("Linux/ARM/V6", "linux/arm/v6"),
        ("windows/amd64", "windows/amd64"),
        ("arm64", f"{host_platform().os}/arm64"),
        ("windows", f"windows/{host_platform().architecture}"),
    ],
)
def test_spellings(text: str, normal: str) -> None:
    assert parse_platform(text).text == normal


@pytest.mark.parametrize(
    "text",
    ["", "/", "linux/", "linux/amd64/v1/x", "nonsense", "linux/a b", "linux/(1)", "linux(1/x"],
)
def test_nonsense(text: str) -> None:
    with pytest.raises(InvalidParameterError):
        parse_platform(text)


@pytest.mark.parametrize(
    ("offered", "wanted", "chosen"),
    [
        (["linux/arm64", "linux/amd64"], "linux/amd64", 1),
        (["linux/arm/v5", "linux/arm/v6"], "linux/arm/v7", 1),
        (["linux/arm/v5", "linux/arm/v7"], "linux/arm/v6", 0),
        (["linux/arm/v6", "linux/arm/v5"], "linux/arm/v5", 1),
        (["linux/arm/v6"], "linux/arm/v5", None),
        (["linux/arm64/v8"], "linux/arm64", 0),
        (["linux/arm64"], "linux/arm64/v8", 0),
        (["linux/arm64/v9", "linux/arm64"], "linux/arm64", 1),
        (["linux/amd64", "linux/amd64/v3"], "linux/amd64/v4", 1),
        (["linux/amd64/v4", "linux/amd64/v2"], "linux/amd64/v3", 1),
        (["linux/386"], "linux/amd64", 0),
        (["linux/amd64"], "linux/386", None),
        (["windows(10.0.17763.1)/amd64", "windows(10.0.20348.9)/amd64"], "windows/amd64", 0),
        (
            ["windows(10.0.17763.1)/amd64", "windows(10.0.20348.9)/amd64"],
            "windows(10.0.20348.1)/amd64",
            1,
        ),
        (["windows(10.0.17763.1)/amd64"], "windows(10.0.20348.1)/amd64", None),
        (["windows/amd64"], "windows(10.0.20348.1)/amd64", 0),
        (["linux/arm/v7"], "linux/arm/v6", None),
        (["linux/arm/v7", "linux/arm64"], "linux/arm64", 1),
        (["linux/arm/v6", "linux/arm/v7"], "linux/arm64", 1),
        (["linux/amd64", "linux/amd64/v2", "linux/amd64/v4"], "linux/amd64/v3", 1),
        (["linux/amd64/v3"], "linux/amd64", None),
        (["windows/amd64"], "linux/amd64", None),
        (["linux/amd64", "linux/amd64"], "linux/amd64", 0),
        ([], "linux/amd64", None),
    ],
)
def test_the_best_one_is_chosen(offered: list[str], wanted: str, chosen: int | None) -> None:
    platforms = [parse_platform(text) for text in offered]
    assert choose(platforms, parse_platform(wanted)) == chosen


def test_features() -> None:
    needs = Platform(os="windows", architecture="amd64", os_features=("win32k",))
    plain = Platform(os="windows", architecture="amd64")
    other = Platform(os="windows", architecture="amd64", os_features=("other",))
    assert rank(needs, plain) == 0
    assert rank(needs, needs) == 0
    assert rank(plain, needs) == 0
    assert rank(needs, other) is None


def test_versions_are_written_back() -> None:
    text = "windows(10.0.20348.1)/amd64"
    assert parse_platform(text).os_version == "10.0.20348.1"
    assert parse_platform(text).full_text == text
    assert parse_platform("linux/arm/v6").full_text == "linux/arm/v6"


def test_attestations_fit_nothing() -> None:
    unknown = Platform(os="unknown", architecture="unknown")
    assert rank(unknown, host_platform()) is None
