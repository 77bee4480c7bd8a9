"""Random container names."""

import re

from boxship import names


def test_names_have_dockers_shape() -> None:
    assert all(re.fullmatch(r"[a-z]+_[a-z]+", names.random_name()) for _ in range(200))


def test_a_retry_adds_digits() -> None:
    assert all(re.fullmatch(r"[a-z]+_[a-z]+\d{1,3}", names.random_name(3)) for _ in range(200))


def test_names_differ() -> None:
    assert len({names.random_name() for _ in range(100)}) > 80
