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


@pytest.mark.parametrize("text", ["", "/", "linux/", "linux/amd64/v1/x", "nonsense", "linux/a b"])
def test_nonsense(text: str) -> None:
    with pytest.raises(InvalidParameterError):
        parse_platform(text)


@pytest.mark.parametrize(
    ("offered", "wanted", "chosen"),
    [
        (["linux/arm64", "linux/amd64"], "linux/amd64", 1),
        (["linux/arm/v5", "linux/arm/v6"], "linux/arm/v7", 1),
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


def test_attestations_fit_nothing() -> None:
    unknown = Platform(os="unknown", architecture="unknown")
    assert rank(unknown, host_platform()) is None
