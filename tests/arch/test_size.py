"""Rooms stay small enough to be read at once."""

import statistics

from tests.arch import sources

MAX_FILE_LINES = 600
MAX_FUNCTION_LINES = 60
MOST_FUNCTION_LINES = 40


def test_files_are_short() -> None:
    lengths = {path: len(path.read_text().splitlines()) for path in sources.files()}
    long = {str(path): length for path, length in lengths.items() if length > MAX_FILE_LINES}
    assert long == {}


def test_functions_are_short() -> None:
    lengths = dict(pair for path in sources.files() for pair in sources.functions(path))
    long = {place: length for place, length in lengths.items() if length > MAX_FUNCTION_LINES}
    assert long == {}
    nine_tenths = statistics.quantiles(lengths.values(), n=10)[-1]
    assert nine_tenths <= MOST_FUNCTION_LINES
    assert statistics.median(lengths.values()) <= 10
