import pytest

from boxship.api.query import Query
from boxship.errors import InvalidParameterError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a=1", True),
        ("a=true", True),
        ("a=True", True),
        ("a=t", True),
        ("a=yes", True),
        ("a=0", False),
        ("a=no", False),
        ("a=None", False),
        ("a=false", False),
        ("a=", False),
        ("a", False),
        ("", False),
    ],
)
def test_booleans_are_read_as_docker_reads_them(text: str, expected: bool) -> None:
    assert Query(text).flag("a") is expected


def test_a_missing_boolean_gives_the_default() -> None:
    assert Query("").flag("a", default=True) is True
    assert Query("a=0").flag("a", default=True) is False


def test_repeated_keys_are_kept_in_order() -> None:
    query = Query("names=a&names=b%2Fc&t=x")
    assert query.texts("names") == ["a", "b/c"]
    assert query.text("names") == "a"
    assert query.text("none", "d") == "d"
    assert "t" in query
    assert "u" not in query


def test_numbers() -> None:
    query = Query("t=-1&e=&x=1s")
    assert query.integer("t") == -1
    assert query.integer("e", 10) == 10
    assert query.integer("missing") is None
    with pytest.raises(InvalidParameterError, match='parsing "1s": invalid syntax'):
        query.integer("x")


@pytest.mark.parametrize(
    ("encoded", "expected"),
    [
        ("filters=%7B%22label%22%3A%5B%22a%3Db%22%2C%22c%22%5D%7D", {"label": ["a=b", "c"]}),
        ('filters={"dangling":{"true":true}}', {"dangling": ["true"]}),
        ('filters={"a":{"x":true,"y":false}}', {"a": ["x"]}),
        ('filters={"a":null}', {"a": []}),
        ('filters={"a":["x","x"]}', {"a": ["x"]}),
        ("filters=", {}),
        ("", {}),
    ],
)
def test_both_forms_of_filters(encoded: str, expected: dict[str, list[str]]) -> None:
    assert Query(encoded).filters() == expected


@pytest.mark.parametrize("text", ["{", "[]", '{"a":"b"}', '{"a":[1]}', "x"])
def test_bad_filters_are_refused(text: str) -> None:
    with pytest.raises(InvalidParameterError, match="invalid filter"):
        Query(f"filters={text}").filters()
