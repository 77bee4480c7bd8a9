"""Carrying bytes between the user's terminal and a hijacked stream."""

import _thread
import os
import select

from boxship.cli.signals import FORWARDED, SignalPipe
from boxship.cli.terminal import STDERR, STDIN, STDOUT, DetachFilter
from boxship.wire import stdcopy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    from boxship.client.blocking import RawStream

    class Readable(Protocol):
        """Something that poll can watch."""

        def fileno(self) -> int: ...


_READ_SIZE = 32768


class Output:
    """Writes a container's output: multiplexed to stdout and stderr, or raw to stdout."""

    def __init__(self, *, multiplexed: bool) -> None:
        self._decoder = stdcopy.Decoder() if multiplexed else None

    def feed(self, data: bytes) -> None:
        """Write what data holds. Raises OSError when our own output is closed."""
        if self._decoder is None:
            write_all(STDOUT, data)
            return
        for stream, piece in self._decoder.feed(data):
            write_all(STDOUT if stream in (stdcopy.STDIN, stdcopy.STDOUT) else STDERR, piece)


def write_all(descriptor: int, data: bytes) -> None:
    """Write all of data, also to a descriptor that someone made non-blocking."""
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(descriptor, view) :]
        except BlockingIOError:
            select.select([], [descriptor], [])


class Relay:
    """One attached session.

    stream: the hijacked connection. multiplexed: it carries stdcopy frames. detach: finds the
    detach keys, None where there is no terminal. on_signal(name) is called for each signal that
    arrives meanwhile (``WINCH`` too).
    """

    def __init__(
        self,
        stream: "RawStream",
        signals: SignalPipe,
        on_signal: "Callable[[str], None]",
        *,
        multiplexed: bool,
        detach: DetachFilter | None,
    ) -> None:
        self._stream = stream
        self._signals = signals
        self._on_signal = on_signal
        self._output = Output(multiplexed=multiplexed)
        self._detach = detach

    def feed_stdin(self) -> None:
        """Send standard input from now on, in a thread of its own.

        A thread, because sending may block while the container does not read, and then its
        output must flow on.
        """
        _thread.start_new_thread(self._send_stdin, ())

    def _send_stdin(self) -> None:
        try:
            while data := os.read(STDIN, _READ_SIZE):
                passed = self._detach.feed(data) if self._detach else data
                if passed:
                    self._stream.write(passed)
                if self.detached:
                    self._signals.wake()
                    return
        except OSError:  # the stream has ended; its reader knows
            pass
        self._stream.shutdown_write()

    @property
    def detached(self) -> bool:
        """Whether the user typed the detach keys."""
        return self._detach is not None and self._detach.detached

    def run(self) -> None:
        """Write the container's output until its stream ends or the user detaches."""
        self._output.feed(self._stream.take_buffered())
        while not self.detached:
            self.wait_for(self._stream)
            if self.detached:
                return
            data = self._stream.read()
            if not data:
                return
            self._output.feed(data)

    def wait_for(self, source: "Readable") -> None:
        """Wait until source can be read; signals are handled meanwhile. Ends early on detach."""
        wait_for(source, self._signals, self._on_signal, lambda: self.detached)


def wait_for(
    source: "Readable",
    signals: SignalPipe,
    on_signal: "Callable[[str], None]",
    stopped: "Callable[[], bool]" = lambda: False,
) -> None:
    """Wait until source can be read or stopped() holds; signals are handled meanwhile."""
    poll = select.poll()
    descriptor = source.fileno()
    poll.register(descriptor, select.POLLIN)
    poll.register(signals.fileno(), select.POLLIN)
    while not stopped():
        ready = {fd for fd, _ in poll.poll()}
        for name in signals.take():
            on_signal(name)
        if descriptor in ready:
            return


ATTACHED_SIGNALS = (*FORWARDED, "WINCH")
