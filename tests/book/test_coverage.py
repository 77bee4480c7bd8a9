"""Every acceptance item of the chapters that are done is named by a walkthrough."""

import ast
import re
from pathlib import Path

CHAPTERS = (range(8, 114), range(244, 260))

ELSEWHERE = {
    **dict.fromkeys((14, 16), "is about other programs: Multipass, Windows"),
    15: "comes with the commands scout, debug and init",
    **dict.fromkeys((26, 27, 28, 71, 72), "comes with the builder"),
    **dict.fromkeys((73, 74), "comes with the command scout"),
    **dict.fromkeys(range(100, 106), "comes with the command debug"),
}


def _named() -> set[int]:
    """The numbers in the docstrings of all tests in this directory."""
    found: set[int] = set()
    for path in Path(__file__).parent.glob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                words, _, _ = (ast.get_docstring(node) or "").partition(":")
                found |= {int(number) for number in re.findall(r"\bS(\d{3})\b", words)}
    return found


def test_every_item_has_a_walkthrough() -> None:
    wanted = {number for chapter in CHAPTERS for number in chapter}
    assert wanted - ELSEWHERE.keys() - _named() == set()


def test_what_has_a_walkthrough_needs_no_excuse() -> None:
    assert ELSEWHERE.keys() & _named() == set()
