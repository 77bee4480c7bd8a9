"""``boxship stats``."""

import sys
import threading
import time

from boxship.cli import human
from boxship.cli.container.stats_row import COLUMNS, HEADERS, empty_row, row_of
from boxship.cli.filters import FORMAT
from boxship.cli.flags import Flag, Flags
from boxship.cli.session import Cli
from boxship.cli.tables import Listing
from boxship.client.blocking import Client
from boxship.client.calls.containers import container_list, container_stats
from boxship.client.calls.system import system_events
from boxship.errors import BoxshipError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Row = dict[str, Any]

USAGE = "[OPTIONS] [CONTAINER...]"
ARGS: tuple[int, int | None] = (0, None)
FLAGS = (
    Flag("all", "a", "bool", "Show all containers (default shows just running)"),
    FORMAT,
    Flag("no-stream", "", "bool", "Disable streaming stats and only pull the first result"),
    Flag("no-trunc", "", "bool", "Do not truncate output"),
)
_INTERVAL_S = 0.5
_CLEAR = "\x1b[2J\x1b[H"


class _Board:
    """The latest figures of each watched container; filled by one thread for each."""

    def __init__(self, cli: Cli, *, stream: bool) -> None:
        self._cli = cli
        self._stream = stream
        self._lock = threading.Lock()
        self._rows: dict[str, Row] = {}
        self._threads: dict[str, threading.Thread] = {}

    def watch(self, ref: str) -> None:
        """Begin to watch a container, unless it is watched already."""
        with self._lock:
            if ref in self._rows:
                return
            self._rows[ref] = empty_row(ref)
        thread = threading.Thread(target=self._follow, args=(ref,), daemon=True)
        self._threads[ref] = thread
        thread.start()

    def forget(self, ref: str) -> None:
        """Drop a container that is gone."""
        with self._lock:
            self._rows.pop(ref, None)

    def wait_all(self) -> None:
        """Wait until each thread has ended."""
        for thread in self._threads.values():
            thread.join()

    def rows(self) -> "list[Row]":
        """The figures now."""
        with self._lock:
            return list(self._rows.values())

    def _follow(self, ref: str) -> None:
        client: Client = self._cli.new_client()
        try:
            for sample in client.lines(container_stats(ref, stream=self._stream)):
                with self._lock:
                    if ref not in self._rows:
                        return
                    self._rows[ref] = row_of(ref, sample)
        except BoxshipError as error:
            with self._lock:
                self._rows[ref] = empty_row(ref, str(error))
        finally:
            client.close()


def run(cli: Cli, flags: Flags, args: list[str]) -> int:
    """Print resource use, again and again unless --no-stream is given."""
    stream = not flags.on("no-stream")
    board = _Board(cli, stream=stream)
    everything = flags.on("all")
    refs = args or [item["Id"] for item in cli.json(container_list(all=everything))]
    for ref in refs:
        board.watch(ref)
    text = flags.text("format") or cli.config.text("statsFormat")
    no_trunc = flags.on("no-trunc")
    if not stream:
        board.wait_all()
        _report_failures(cli, board)
        cli.write(_render(board, text, no_trunc=no_trunc))
        return 0
    if not args:
        _watch_new_ones(cli, board)
    _show_forever(cli, board, text, no_trunc=no_trunc, until_empty=bool(args))
    return 0


def _report_failures(cli: Cli, board: _Board) -> None:
    for row in board.rows():
        if row["Error"]:
            cli.warn(f"Error response from daemon: {row['Error']}")


def _render(board: _Board, text: str, *, no_trunc: bool) -> str:
    rows = [
        {**row, "ID": human.short_id(str(row["ID"]), no_trunc=no_trunc)}
        for row in board.rows()
        if not row["Error"]
    ]
    return Listing(HEADERS, COLUMNS, "ID").render(rows, text)


def _show_forever(cli: Cli, board: _Board, text: str, *, no_trunc: bool, until_empty: bool) -> None:
    """The screen is drawn anew twice a second, as the figures come at their own pace."""
    while True:
        time.sleep(_INTERVAL_S)
        if until_empty and board.rows() and all(row["Error"] for row in board.rows()):
            _report_failures(cli, board)
            return
        prefix = _CLEAR if sys.stdout.isatty() else ""
        cli.write(prefix + _render(board, text, no_trunc=no_trunc))
        cli.flush()


def _watch_new_ones(cli: Cli, board: _Board) -> None:
    """Follow starts and ends of containers in a thread."""

    def follow() -> None:
        filters = {"type": ["container"], "event": ["start", "die", "destroy"]}
        for event in cli.new_client().lines(system_events(filters=filters)):
            ref = (event.get("Actor") or {}).get("ID", "")
            if event.get("Action") == "start":
                board.watch(ref)
            else:
                board.forget(ref)

    threading.Thread(target=follow, daemon=True).start()
