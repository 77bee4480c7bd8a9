"""The engine's state: one sqlite file in WAL mode, one writer.

An object's configuration, its state and the events it caused commit in one transaction. Commits
do not wait for the disk (``synchronous=NORMAL``): a killed engine loses nothing, since the kernel
holds the pages; a power cut may lose the last moments but never leaves the file torn
(sqlite.org/wal.html).
"""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from boxship.engine.state.reserve import Reserve
from boxship.errors import InternalError

Parameters = Sequence[Any] | dict[str, Any]


class Migration(NamedTuple):
    """One step of a store's schema. Once released it is never edited, only followed by another."""

    name: str
    sql: str


class StateFullError(InternalError):
    """There is no room left where the state file lies; nothing was changed."""


class Transaction:
    """Writes that become visible together, and what to do once they are."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._callbacks: list[Callable[[], None]] = []
        self._statements: list[tuple[str, Parameters]] = []

    def execute(self, sql: str, parameters: Parameters = ()) -> sqlite3.Cursor:
        """Run one statement."""
        self._statements.append((sql, parameters))
        return self._connection.execute(sql, parameters)

    def repeat(self) -> None:
        """Run all statements again, after they were rolled back."""
        for sql, parameters in self._statements:
            self._connection.execute(sql, parameters).fetchall()

    def on_commit(self, callback: Callable[[], None]) -> None:
        """Call ``callback`` after the commit, in the order of registration."""
        self._callbacks.append(callback)

    def run_callbacks(self) -> None:
        """Called once by the database, after the commit."""
        for callback in self._callbacks:
            callback()


class Database:
    """The open state file. Used from the event loop's thread only."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path
        self._reserve = Reserve(path.with_name(f"{path.name}-reserve"))
        self._current: Transaction | None = None

    @classmethod
    def open(cls, path: Path, migrations: Sequence[Migration]) -> "Database":
        """Open or create the file and bring its schema up to date.

        Raises InternalError when the file is not a usable state file, saying which and why.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            connection = sqlite3.connect(path, isolation_level=None, check_same_thread=True)
            connection.row_factory = sqlite3.Row
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=NORMAL")
            connection.execute("PRAGMA foreign_keys=ON")
            database = cls(connection, path)
            database._migrate(migrations)
            database._reserve.fill()
        except sqlite3.DatabaseError as error:
            raise InternalError(
                f"the state file {path} cannot be used: {error}; restore it from a backup, or move "
                "it away to start with no containers"
            ) from error
        return database

    def _migrate(self, migrations: Sequence[Migration]) -> None:
        self._connection.execute("CREATE TABLE IF NOT EXISTS migrations (name TEXT PRIMARY KEY)")
        done = {row["name"] for row in self.query("SELECT name FROM migrations")}
        for migration in migrations:
            if migration.name in done:
                continue
            with self.transaction() as tx:
                for statement in _statements(migration.sql):
                    tx.execute(statement)
                tx.execute("INSERT INTO migrations (name) VALUES (?)", (migration.name,))

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Commit all writes of the block, or none when it raises.

        Inside another transaction it joins that one. The block must not await.
        """
        if self._current is not None:
            yield self._current
            return
        transaction = Transaction(self._connection)
        self._connection.execute("BEGIN IMMEDIATE")
        self._current = transaction
        try:
            yield transaction
            self._commit(transaction)
        except BaseException as error:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            if isinstance(error, sqlite3.OperationalError):
                raise self._explained(error) from error
            raise
        finally:
            self._current = None
        transaction.run_callbacks()

    @contextmanager
    def trial(self) -> Iterator[None]:
        """Let the block see what it writes, and take all of it back at its end.

        The block must not await.
        """
        with suppress(_TrialEndError), self.transaction():
            yield
            raise _TrialEndError

    def _commit(self, transaction: Transaction) -> None:
        """Commit; on a full disk into the reserve, so that what fills it can be removed."""
        try:
            self._connection.execute("COMMIT")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_FULL or not self._reserve.give_up():
                raise
            if not self._connection.in_transaction:  # sqlite has rolled it back
                self._connection.execute("BEGIN IMMEDIATE")
                transaction.repeat()
            self._connection.execute("COMMIT")

    def _explained(self, error: sqlite3.OperationalError) -> InternalError:
        if error.sqlite_errorcode == sqlite3.SQLITE_FULL:
            return StateFullError(
                f"the engine's state cannot be written: no space left on the disk of {self._path}; "
                "remove images, containers or volumes that are not needed"
            )
        return InternalError(f"the engine's state in {self._path} cannot be written: {error}")

    def query(self, sql: str, parameters: Parameters = ()) -> list[sqlite3.Row]:
        """Return all rows of a SELECT."""
        return self._connection.execute(sql, parameters).fetchall()

    def close(self) -> None:
        """Fold the write-ahead log into the file and close it."""
        self._connection.close()


class _TrialEndError(Exception):
    """Not an error: rolls a trial back."""


def _statements(sql: str) -> Iterator[str]:
    """Split a script, since executescript would commit the surrounding transaction."""
    pending = ""
    for line in sql.splitlines(keepends=True):
        pending += line
        if sqlite3.complete_statement(pending):
            yield pending
            pending = ""
    if pending.strip():
        yield pending
