"""Did you mean …? A word that is less than three edits away, as BuildKit decides it.

Unlike there, two letters that changed places are one edit: ``chwon`` is nearer to ``chown`` than to
``chmod``.
"""

from collections.abc import Iterable

LIMIT = 3
MAX_WORD = 64
"""Longer words are no slips of the finger, and comparing them takes long."""


def nearest(word: str, options: Iterable[str], *, fold_case: bool = False) -> str:
    """Return the option that word may have meant; empty when none is near or one is the word.

    With ``fold_case`` the answer takes the word's case (``form`` → ``from``).
    """
    if len(word) > MAX_WORD:
        return ""
    wanted = word.lower() if fold_case else word
    best, found = LIMIT, ""
    for option in sorted(options):
        candidate = option.lower() if fold_case else option
        if candidate == wanted:
            return ""
        if abs(len(candidate) - len(wanted)) < best:
            edits = _distance(wanted, candidate)
            if edits < best:
                best, found = edits, candidate
    return _in_case_of(word, found) if fold_case else found


def _in_case_of(word: str, found: str) -> str:
    return found.upper() if word == word.upper() else found


def _distance(left: str, right: str) -> int:
    """Insertions, deletions, replacements and swaps of neighbours."""
    before: list[int] = []
    previous = list(range(len(right) + 1))
    for row, a in enumerate(left, 1):
        current = [row]
        for column, b in enumerate(right, 1):
            best = min(previous[column] + 1, current[-1] + 1, previous[column - 1] + (a != b))
            if row > 1 and column > 1 and (a, left[row - 2]) == (right[column - 2], b):
                best = min(best, before[column - 2] + 1)
            current.append(best)
        before, previous = previous, current
    return previous[-1]
