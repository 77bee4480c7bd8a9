"""Shell patterns of ``${name#pattern}`` and its kin: ``*`` and ``?``, without brackets.

Matching keeps the set of states that are possible, so that no pattern takes longer than the product
of the two lengths.
"""

from collections.abc import Iterator

from boxship.errors import InvalidParameterError

_STAR, _ANY = 1, 2
Tokens = list[str | int]


def tokens(pattern: str) -> Tokens:
    """Read a pattern. Raises InvalidParameterError for an escape that means nothing."""
    found: Tokens = []
    chars = iter(enumerate(pattern))
    for index, char in chars:
        if char == "*":
            found.append(_STAR)
        elif char == "?":
            found.append(_ANY)
        elif char == "\\":
            # A brace or a slash is escaped for ${} itself; the pattern does not see that escape.
            following = pattern[index + 1 : index + 2]
            if following not in ("}", "/"):
                found.append(_escaped(following))
                next(chars, None)
        else:
            found.append(char)
    return found


def _escaped(char: str) -> str:
    if char not in ("*", "?", "\\"):
        raise InvalidParameterError(f"invalid escape '\\{char}'")
    return char


def trim_prefix(value: str, pattern: str, *, longest: bool) -> str:
    """Return value without the shortest (longest) start that the pattern matches."""
    return value[_length(tokens(pattern), value, longest) or 0 :]


def trim_suffix(value: str, pattern: str, *, longest: bool) -> str:
    """Return value without the shortest (longest) end that the pattern matches."""
    length = _length(tokens(pattern)[::-1], value[::-1], longest) or 0
    return value[: len(value) - length]


def replace(value: str, pattern: str, by: str, *, everywhere: bool) -> str:
    """Return value with the first (every) longest match from the left replaced."""
    ends = _longest_ends(tokens(pattern), value)
    out: list[str] = []
    position, after_match = 0, False
    while position <= len(value):
        length = ends[position] - position
        if length > 0 or (length == 0 and not after_match):
            out.append(by)
            if not everywhere:
                return "".join(out) + value[position + length :]
        after_match = length > 0
        if length <= 0:
            out.append(value[position : position + 1])
        position += max(length, 1)
    return "".join(out)


def _longest_ends(wanted: Tokens, value: str) -> list[int]:
    """For each position: where the longest match that begins there ends; -1 without one."""
    ends = list(range(len(value) + 1))
    for token in reversed(wanted):
        following, ends = ends, [-1] * (len(value) + 1)
        if token == _STAR:
            ends[-1] = following[-1]
        for at in range(len(value) - 1, -1, -1):
            char = value[at]
            if token == _STAR:
                ends[at] = max(following[at], -1 if char == "\n" else ends[at + 1])
            elif token == char or (token == _ANY and char != "\n"):
                ends[at] = following[at + 1]
    return ends


def _length(wanted: Tokens, value: str, longest: bool) -> int | None:
    """How much of value's start matches; None when nothing does."""
    best = None
    for length, matched in enumerate(_progress(wanted, value)):
        if matched:
            best = length
            if not longest:
                break
    return best


def _progress(wanted: Tokens, value: str) -> Iterator[bool]:
    """For each length of a start of value: does the whole pattern match it?"""
    states = _closure({0}, wanted)
    yield len(wanted) in states
    for char in value:
        states = _closure(_step(states, wanted, char), wanted)
        if not states:
            return
        yield len(wanted) in states


def _step(states: set[int], wanted: Tokens, char: str) -> set[int]:
    following = set()
    for state in states:
        token = wanted[state] if state < len(wanted) else None
        if token == char or (token == _ANY and char != "\n"):
            following.add(state + 1)
        elif token == _STAR and char != "\n":
            following.add(state)
    return following


def _closure(states: set[int], wanted: Tokens) -> set[int]:
    """A star may match nothing."""
    reached = set(states)
    for state in states:
        while state < len(wanted) and wanted[state] == _STAR:
            state += 1
            reached.add(state)
    return reached
