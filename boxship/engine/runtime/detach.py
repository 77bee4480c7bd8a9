"""Finding the detach keys in what a user types."""


class DetachScanner:
    """Passes bytes through until a key sequence is complete.

    The beginning of a sequence is held back until the next byte decides, as in Docker; keys that
    turn out not to be the sequence are passed on.
    """

    __slots__ = ("_keys", "_matched")

    def __init__(self, keys: bytes) -> None:
        self._keys = keys
        self._matched = 0

    def feed(self, data: bytes) -> tuple[bytes, bool]:
        """Return (bytes for the container, whether the sequence was completed).

        What follows a completed sequence is dropped.
        """
        keys = self._keys
        if not keys or (not self._matched and keys[0] not in data):
            return data, False
        passed = bytearray()
        for byte in data:
            self._advance(byte, passed)
            if self._matched == len(keys):
                return bytes(passed), True
        return bytes(passed), False

    def _advance(self, byte: int, passed: bytearray) -> None:
        held = self._keys[: self._matched] + bytes((byte,))
        while held and not self._keys.startswith(held):
            passed.append(held[0])
            held = held[1:]
        self._matched = len(held)
