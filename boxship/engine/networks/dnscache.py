"""Answers of the host's name servers, kept as long as they say."""

import time
from collections import OrderedDict
from collections.abc import Callable, Sequence

from boxship.wire.dns import Query
from boxship.wire.dnsage import aged, lifetime_s

_ENTRIES = 2048
_ANSWER_SIZE = 4096
"""Bytes; longer answers are not kept. With the number of entries, what a flood can take at most."""
_LONGEST_S = 3600
_LONGEST_NEGATIVE_S = 60
"""A name that is not there now is asked for again soon."""
_HEADER_SIZE = 12
_RCODE_MASK = 0xF

Key = tuple[tuple[str, ...], bool, bytes, bytes, bytes]


class AnswerCache:
    """Kept by servers, transport and question with all its flags: another question is another."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """``clock`` counts seconds."""
        self._clock = clock
        self._kept: OrderedDict[Key, tuple[float, float, bytes]] = OrderedDict()

    def find(self, servers: Sequence[str], query: Query, data: bytes, *, tcp: bool) -> bytes | None:
        """Return a kept answer to this query; None when there is none that is still good."""
        key = _key(servers, query, data, tcp)
        found = self._kept.get(key)
        if found is None:
            return None
        since, until, answer = found
        now = self._clock()
        if now >= until:
            del self._kept[key]
            return None
        self._kept.move_to_end(key)
        # The question as this client wrote it: some mix upper and lower case to be safe.
        behind = _HEADER_SIZE + len(query.question)
        head = query.id.to_bytes(2, "big") + answer[2:_HEADER_SIZE] + query.question
        return aged(head + answer[behind:], int(now - since))

    def keep(
        self, servers: Sequence[str], query: Query, data: bytes, answer: bytes, *, tcp: bool
    ) -> None:
        """Keep an answer, if it says that it may be kept."""
        longest = _LONGEST_NEGATIVE_S if answer[3] & _RCODE_MASK else _LONGEST_S
        lifetime = min(lifetime_s(answer), longest)
        repeats = answer[_HEADER_SIZE:].lower().startswith(query.question.lower())
        if lifetime <= 0 or len(answer) > _ANSWER_SIZE or not repeats:
            return
        now = self._clock()
        self._kept[_key(servers, query, data, tcp)] = (now, now + lifetime, answer)
        while len(self._kept) > _ENTRIES:
            self._kept.popitem(last=False)

    def __len__(self) -> int:
        return len(self._kept)


def _key(servers: Sequence[str], query: Query, data: bytes, tcp: bool) -> Key:
    behind = _HEADER_SIZE + len(query.question)
    return (tuple(servers), tcp, data[2:_HEADER_SIZE], query.question.lower(), data[behind:])
