"""The user's terminal: raw mode, size, detach keys."""

import os

from boxship.errors import InvalidParameterError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

STDIN, STDOUT, STDERR = 0, 1, 2
DEFAULT_DETACH_KEYS = "ctrl-p,ctrl-q"


def is_terminal(descriptor: int) -> bool:
    """Whether the descriptor is a terminal; False for a closed one."""
    try:
        return os.isatty(descriptor)
    except OSError:
        return False


def size() -> tuple[int, int]:
    """(rows, columns) of the terminal on standard output; (0, 0) when it is none."""
    try:
        columns, rows = os.get_terminal_size(STDOUT)
    except OSError:
        return 0, 0
    return rows, columns


class RawMode:
    """``with RawMode():`` keys arrive one by one, unechoed; the old mode comes back after."""

    def __init__(self) -> None:
        self._saved: list[Any] | None = None

    def __enter__(self) -> "RawMode":
        if is_terminal(STDIN):
            import termios
            import tty

            self._saved = termios.tcgetattr(STDIN)
            # Now, and not after a flush: what was typed ahead belongs to the container.
            tty.setraw(STDIN, termios.TCSANOW)
        return self

    def __exit__(self, *_: object) -> None:
        if self._saved is not None:
            import termios

            termios.tcsetattr(STDIN, termios.TCSADRAIN, self._saved)


def detach_sequence(text: str) -> bytes:
    """``ctrl-p,ctrl-q`` as bytes. Raises InvalidParameterError."""
    return bytes(_key(word) for word in (text or DEFAULT_DETACH_KEYS).split(","))


def _key(word: str) -> int:
    if len(word) == 1 and word.isascii():
        return ord(word)
    name = word.lower().removeprefix("ctrl-")
    if word.lower().startswith("ctrl-") and len(name) == 1 and "@" <= name.upper() <= "_":
        return ord(name.upper()) - ord("@")
    raise InvalidParameterError(f"invalid detach keys: unknown character: '{word}'")


class DetachFilter:
    """Finds the detach keys in what is typed; keys that may begin them are held back."""

    def __init__(self, keys: bytes) -> None:
        self._keys = keys
        self._matched = 0
        self.detached = False

    def feed(self, typed: bytes) -> bytes:
        """Return what is to be sent; ``detached`` is set once the keys were typed."""
        passed = bytearray()
        for byte in typed:
            if byte == self._keys[self._matched]:
                self._matched += 1
                if self._matched == len(self._keys):
                    self.detached = True
                    break
                continue
            passed += self._keys[: self._matched]
            self._matched = 1 if byte == self._keys[0] else 0
            if not self._matched:
                passed.append(byte)
        return bytes(passed)
