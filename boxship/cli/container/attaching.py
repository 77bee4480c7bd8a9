"""What run, start, attach and exec share: an attached session from first to last byte."""

from boxship.cli.errors import CliError
from boxship.cli.relay import ATTACHED_SIGNALS, Relay, wait_for
from boxship.cli.session import Cli
from boxship.cli.signals import SignalPipe
from boxship.cli.terminal import STDIN, DetachFilter, RawMode, detach_sequence, is_terminal, size
from boxship.client import jsontext
from boxship.client.calls.containers import container_kill, container_resize
from boxship.errors import BoxshipError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from boxship.client.blocking import RawStream, Response
    from boxship.client.core import Call

    Resize = Callable[[int, int], Call]


def check_terminal(*, stdin: bool, tty: bool) -> None:
    """Raise CliError when a terminal is wanted and standard input is none."""
    if stdin and tty and not is_terminal(STDIN):
        raise CliError("the input device is not a TTY")


def detach_keys(cli: Cli, given: str) -> str:
    """The detach keys: flag, then configuration; empty for the engine's own."""
    return given or cli.config.text("detachKeys")


class Session:
    """An attached session of a container or an exec.

    ref: the container that signals go to; empty forwards none. tty: the container has a
    terminal. resize: makes the call that sets its size.
    """

    def __init__(
        self, cli: Cli, ref: str, *, tty: bool, stdin: bool, keys: str, resize: "Resize"
    ) -> None:
        self._cli = cli
        self._ref = ref
        self._tty = tty
        self._stdin = stdin
        self._resize = resize
        detaches = tty and stdin
        self._detach = DetachFilter(detach_sequence(keys)) if detaches else None
        self._signals = SignalPipe(ATTACHED_SIGNALS)
        self._raw_mode = RawMode() if detaches else None

    def __enter__(self) -> "Session":
        self._signals.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._signals.__exit__()

    def relay(self, stream: "RawStream") -> bool:
        """Carry bytes until the stream ends (False) or the user detaches (True)."""
        multiplexed = stream.is_multiplexed
        relay = Relay(
            stream,
            self._signals,
            self._on_signal,
            multiplexed=not self._tty if multiplexed is None else multiplexed,
            detach=self._detach,
        )
        if self._raw_mode is None:
            self._run(relay)
        else:
            with self._raw_mode:
                self._run(relay)
        stream.close()
        return relay.detached

    def _run(self, relay: Relay) -> None:
        if self._tty:
            self._send_size()
        if self._stdin:
            relay.feed_stdin()
        relay.run()

    def exit_code(self, response: "Response") -> int:
        """The exit code that a registered wait answers in the end. Raises CliError."""
        if not response.has_buffered:
            wait_for(response, self._signals, self._on_signal)
        result = jsontext.loads(response.read_all())
        failure = (result.get("Error") or {}).get("Message")
        if failure:
            raise CliError(f"Error waiting for container: {failure}", 125)
        return int(result["StatusCode"])

    def _on_signal(self, name: str) -> None:
        if name == "WINCH":
            if self._tty:
                self._send_size()
        elif self._ref:
            self._try(container_kill(self._ref, name))
        else:
            raise KeyboardInterrupt

    def _send_size(self) -> None:
        rows, columns = size()
        if rows and columns:
            self._try(self._resize(rows, columns))

    def _try(self, call: "Call") -> None:
        try:
            self._cli.client.run(call)
        except BoxshipError:  # the process may have ended just now
            pass


def container_session(
    cli: Cli, ref: str, *, tty: bool, stdin: bool, keys: str, forward_signals: bool
) -> Session:
    """A session with a container's main process."""
    return Session(
        cli,
        ref if forward_signals and not tty else "",
        tty=tty,
        stdin=stdin,
        keys=keys,
        resize=lambda rows, columns: container_resize(ref, rows=rows, columns=columns),
    )
