"""Requests about images: platforms as the API takes them."""

import json

import pytest

from boxship.client.calls.images import image_inspect, image_list, image_remove, platform_query
from boxship.errors import InvalidParameterError


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("linux/arm64", {"os": "linux", "architecture": "arm64"}),
        ("linux/arm/v7", {"os": "linux", "architecture": "arm", "variant": "v7"}),
        ("arm64", {"os": "linux", "architecture": "arm64"}),
        ("windows", {"os": "windows"}),
        (
            "windows(10.0.20348.1)/amd64",
            {"os": "windows", "architecture": "amd64", "os.version": "10.0.20348.1"},
        ),
        ("Linux/AMD64", {"os": "linux", "architecture": "amd64"}),
    ],
)
def test_platforms(text: str, query: dict[str, str]) -> None:
    assert json.loads(platform_query(text) or "") == query


@pytest.mark.parametrize("text", ["linux/arm/v7/x", "/", "linux//v7"])
def test_no_platforms(text: str) -> None:
    with pytest.raises(InvalidParameterError, match="cannot parse platform specifier"):
        platform_query(text)


def test_where_they_go() -> None:
    assert platform_query("") is None
    assert image_inspect("x").query == {"platform": None}
    platforms = image_remove("x", platforms=["linux/arm64", "s390x"]).query["platforms"]
    assert isinstance(platforms, list)
    assert [json.loads(str(text))["architecture"] for text in platforms] == ["arm64", "s390x"]
    assert image_list(manifests=True).query["manifests"] is True
