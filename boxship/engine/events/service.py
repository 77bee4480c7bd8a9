"""The event bus: recorded with the change that caused them, replayed, then live."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Mapping

import msgspec

from boxship.engine.events.event import Event
from boxship.engine.events.filters import Filters, check_filters, matches
from boxship.engine.state.database import Database, Migration, Transaction

JOURNAL_LENGTH = 10_000
"""Events kept for replay; Docker keeps 256 and only in memory."""
SUBSCRIBER_QUEUE_LENGTH = 4096
"""Events a listener may be behind before it is dropped, so that none grows our memory."""
_END_OF_TIME_NS = 2**63 - 1

MIGRATIONS = (
    Migration(
        "events-1",
        """
        CREATE TABLE events (
            seq INTEGER PRIMARY KEY AUTOINCREMENT,
            time_ns INTEGER NOT NULL,
            document BLOB NOT NULL
        );
        CREATE INDEX events_time ON events (time_ns);
        """,
    ),
)

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Event)


class _Subscriber:
    """One listener's queue; None in it ends the stream."""

    def __init__(self, filters: Filters) -> None:
        self.filters = filters
        self.queue: asyncio.Queue[Event | None] = asyncio.Queue(SUBSCRIBER_QUEUE_LENGTH)
        self.overrun = False

    def offer(self, event: Event) -> None:
        if self.overrun or not matches(event, self.filters):
            return
        try:
            self.queue.put_nowait(event)
        except asyncio.QueueFull:
            self.overrun = True

    def end(self) -> None:
        self.overrun = True
        if self.queue.empty():
            self.queue.put_nowait(None)


class EventService:
    """Records events and hands them to listeners."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._subscribers: set[_Subscriber] = set()
        self._last_time_ns = 0
        self._since_trim = 0

    @property
    def listener_count(self) -> int:
        """How many listeners there are."""
        return len(self._subscribers)

    def record(
        self,
        tx: Transaction,
        object_type: str,
        action: str,
        actor_id: str,
        attributes: Mapping[str, str] | None = None,
    ) -> None:
        """Make an event part of ``tx``: it is stored with it and told to listeners after it."""
        event = Event(
            type=object_type,
            action=action,
            actor_id=actor_id,
            attributes=dict(attributes or {}),
            time_ns=self._next_time(),
        )
        tx.execute(
            "INSERT INTO events (time_ns, document) VALUES (?, ?)",
            (event.time_ns, _encoder.encode(event)),
        )
        self._trim(tx)
        tx.on_commit(lambda: self._publish(event))

    def emit(
        self,
        object_type: str,
        action: str,
        actor_id: str,
        attributes: Mapping[str, str] | None = None,
    ) -> None:
        """Record an event that belongs to no other change."""
        with self._database.transaction() as tx:
            self.record(tx, object_type, action, actor_id, attributes)

    async def subscribe(
        self, since_ns: int | None, until_ns: int | None, filters: Filters
    ) -> AsyncIterator[Event]:
        """Yield past events from ``since_ns`` on, then live ones, until ``until_ns``.

        Without ``since_ns`` only live ones; with ``until_ns`` in the past only the replay. Ends
        early for a listener that falls too far behind, and when the engine closes. Raises
        InvalidParameterError for an unknown filter.
        """
        check_filters(filters)
        subscriber = _Subscriber(filters)
        self._subscribers.add(subscriber)
        try:
            replay = [] if since_ns is None else list(self._replay(since_ns, until_ns, filters))
            for event in replay:
                yield event
            async with asyncio.timeout(_seconds_until(until_ns)):
                async for event in self._live(subscriber):
                    yield event
        except TimeoutError:
            return
        finally:
            self._subscribers.discard(subscriber)

    def close(self) -> None:
        """End all listeners' streams."""
        for subscriber in self._subscribers:
            subscriber.end()

    async def _live(self, subscriber: _Subscriber) -> AsyncIterator[Event]:
        while True:
            if subscriber.overrun and subscriber.queue.empty():
                return
            event = await subscriber.queue.get()
            if event is None:
                return
            yield event

    def _replay(self, since_ns: int, until_ns: int | None, filters: Filters) -> Iterator[Event]:
        rows = self._database.query(
            "SELECT document FROM events WHERE time_ns >= ? AND time_ns <= ? ORDER BY seq",
            (since_ns, until_ns if until_ns is not None else _END_OF_TIME_NS),
        )
        events = (_decoder.decode(row["document"]) for row in rows)
        return (event for event in events if matches(event, filters))

    def _publish(self, event: Event) -> None:
        for subscriber in self._subscribers:
            subscriber.offer(event)

    def _next_time(self) -> int:
        """Now, but never the same twice or backwards: clients order events by it."""
        self._last_time_ns = max(time.time_ns(), self._last_time_ns + 1)
        return self._last_time_ns

    def _trim(self, tx: Transaction) -> None:
        self._since_trim += 1
        if self._since_trim < JOURNAL_LENGTH // 10:
            return
        self._since_trim = 0
        tx.execute(
            "DELETE FROM events WHERE seq <= (SELECT MAX(seq) FROM events) - ?", (JOURNAL_LENGTH,)
        )


def _seconds_until(until_ns: int | None) -> float | None:
    if until_ns is None:
        return None
    return max(0.0, (until_ns - time.time_ns()) / 1e9)
