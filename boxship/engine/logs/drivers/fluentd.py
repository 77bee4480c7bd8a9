"""The driver ``fluentd``: the forward protocol (message mode, msgpack)."""

import secrets
from base64 import b64encode
from collections.abc import Mapping, Sequence

import msgspec

from boxship.engine.logs.drivers.connection import Address, Connection, parse_address
from boxship.engine.logs.drivers.driver import (
    LogInfo,
    extra_attributes,
    parse_bool,
    parse_number,
    tag_of,
    text_of,
)
from boxship.engine.logs.line import LogRecord

OPTIONS = frozenset(
    {"fluentd-address", "fluentd-async", "fluentd-async-connect", "fluentd-buffer-limit"}
    | {"fluentd-async-reconnect-interval", "fluentd-max-retries", "fluentd-read-timeout"}
    | {"fluentd-request-ack", "fluentd-retry-wait", "fluentd-sub-second-precision"}
    | {"fluentd-write-timeout"}
)
_DEFAULT_ADDRESS = "tcp://127.0.0.1:24224"
_PORT = 24224
_EVENT_TIME = 0
"""Extension type of a time with nanoseconds."""
_NS = 1_000_000_000


def check(options: Mapping[str, str]) -> None:
    """Raise InvalidParameterError for a bad option."""
    _address(options)
    for name in ("fluentd-async", "fluentd-async-connect", "fluentd-sub-second-precision"):
        parse_bool(options, name)
    parse_bool(options, "fluentd-request-ack")
    parse_number(options, "fluentd-max-retries", 0)


def _address(options: Mapping[str, str]) -> Address:
    text = options.get("fluentd-address", "") or _DEFAULT_ADDRESS
    if "://" not in text:
        text = f"tcp://{text}"
    found = parse_address("fluentd-address", text, ("tcp", "tls", "unix"), _PORT)
    return Address("tcp+tls", found.host, found.port) if found.scheme == "tls" else found


class Fluentd:
    """Sends each line as an event."""

    def __init__(self, info: LogInfo) -> None:
        options = info.options
        self._connection = Connection(_address(options))
        self._tag = tag_of(info)
        self._precise = parse_bool(options, "fluentd-sub-second-precision")
        self._wants_ack = parse_bool(options, "fluentd-request-ack")
        self._record = {
            "container_id": info.container_id,
            "container_name": f"/{info.container_name}",
            **extra_attributes(info),
        }
        is_async = parse_bool(options, "fluentd-async")
        if not (is_async or parse_bool(options, "fluentd-async-connect")):
            self._connection.open()

    def write(self, records: Sequence[LogRecord]) -> None:
        """Send records. [blocking]"""
        for record in records:
            self._send([self._tag, self._time(record), self._event(record)])

    def close(self) -> None:
        """End the connection."""
        self._connection.close()

    def _event(self, record: LogRecord) -> dict[str, str]:
        event = {**self._record, "source": record.stream, "log": text_of(record)}
        if record.partial:
            event["partial_message"] = "true"
        return event

    def _time(self, record: LogRecord) -> int | msgspec.msgpack.Ext:
        seconds, nanoseconds = divmod(record.time_ns, _NS)
        if not self._precise:
            return seconds
        data = seconds.to_bytes(4, "big") + nanoseconds.to_bytes(4, "big")
        return msgspec.msgpack.Ext(_EVENT_TIME, data)

    def _send(self, message: list[object]) -> None:
        if not self._wants_ack:
            self._connection.send(msgspec.msgpack.encode(message))
            return
        chunk = b64encode(secrets.token_bytes(16)).decode()
        self._connection.send(msgspec.msgpack.encode([*message, {"chunk": chunk}]))
        answer = self._connection.open().recv(4096)
        if not answer or msgspec.msgpack.decode(answer).get("ack") != chunk:
            self._connection.close()
            raise OSError("the fluentd server did not acknowledge a message")
