"""Signals as readable events.

``_signal`` rather than ``signal``: the latter builds enums, 3 ms that every ``run`` would pay.
"""

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal as _signal
    from collections.abc import Iterable
    from typing import Any
else:
    import _signal

FORWARDED = ("HUP", "INT", "QUIT", "USR1", "USR2", "ALRM", "TERM", "CONT", "TSTP", "TTIN", "TTOU")
"""What is passed on to the container's main process.

Not WINCH: without a terminal in the container it says nothing, and servers such as nginx take it
as the order to stop their workers.
"""


def numbers(names: "Iterable[str]") -> dict[int, str]:
    """Signal number -> name for names without SIG."""
    return {int(getattr(_signal, f"SIG{name}")): name for name in names}


class SignalPipe:
    """``with SignalPipe(names) as pipe:`` the signals do nothing but make the pipe readable."""

    def __init__(self, names: "Iterable[str]") -> None:
        self._numbers = numbers(names)
        self._saved: dict[int, Any] = {}
        self._readable = self._writable = -1

    def __enter__(self) -> "SignalPipe":
        self._readable, self._writable = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        _signal.set_wakeup_fd(self._writable, warn_on_full_buffer=False)
        for number in self._numbers:
            self._saved[number] = _signal.signal(number, _do_nothing)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._saved.items():
            _signal.signal(number, handler)
        _signal.set_wakeup_fd(-1)
        os.close(self._readable)
        os.close(self._writable)

    def fileno(self) -> int:
        """The descriptor to poll."""
        return self._readable

    def wake(self) -> None:
        """Make the pipe readable without a signal; from any thread."""
        os.write(self._writable, b"\0")

    def take(self) -> list[str]:
        """The names of the signals that have come."""
        try:
            received = os.read(self._readable, 4096)
        except BlockingIOError:
            return []
        return [self._numbers[number] for number in received if number in self._numbers]


def _do_nothing(number: int, frame: object) -> None:
    """The wake-up descriptor tells; a handler must exist for it to be written."""
