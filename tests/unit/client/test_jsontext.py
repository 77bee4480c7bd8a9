"""The small JSON reader and writer agree with the standard library's."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boxship.client import jsontext

NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | NUMBERS | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(VALUES)
def test_round_trip(value: object) -> None:
    assert json.loads(jsontext.dumps(value)) == value
    assert json.loads(jsontext.dumps_indented(value)) == value
    assert jsontext.loads(json.dumps(value)) == value


def test_indented_text_is_as_docker_prints_it() -> None:
    text = jsontext.dumps_indented([{"A": [], "B": {}, "C": [1, "ä"]}])
    expected = """\
[
    {
        "A": [],
        "B": {},
        "C": [
            1,
            "ä"
        ]
    }
]"""
    assert text == expected


@pytest.mark.parametrize("text", ["", "{", "[1,]", "nope", '{"a" 1}', "1 2"])
def test_bad_text_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"JSON|Expect|Illegal|unexpected|Extra|character"):
        jsontext.loads(text)


def test_blank_text_around_a_value_is_allowed() -> None:
    assert jsontext.loads(b' \r\n{"a": 1}\n') == {"a": 1}


def test_other_objects_have_no_json_form() -> None:
    with pytest.raises(TypeError):
        jsontext.dumps({"a": object()})
