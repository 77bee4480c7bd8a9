"""The driver ``gelf``: Graylog's extended log format 1.1, in UDP chunks or over TCP."""

import os
import secrets
import zlib
from collections.abc import Mapping, Sequence

import msgspec
from isal import igzip, isal_zlib

from boxship.engine.logs.drivers.connection import Address, Connection, parse_address
from boxship.engine.logs.drivers.driver import (
    LogInfo,
    extra_attributes,
    parse_number,
    severity_of,
    tag_of,
    text_of,
)
from boxship.engine.logs.line import LogRecord
from boxship.errors import InvalidParameterError
from boxship.units import format_timestamp_ns

OPTIONS = frozenset(
    {"gelf-address", "gelf-compression-type", "gelf-compression-level"}
    | {"gelf-tcp-max-reconnect", "gelf-tcp-reconnect-delay"}
)
_PORT = 12201
CHUNK_SIZE = 1420
_CHUNK_MAGIC = b"\x1e\x0f"
_MAX_CHUNKS = 128
_COMPRESSIONS = ("gzip", "zlib", "none")
_LEVELS = tuple(str(level) for level in range(-1, 10))


def check(options: Mapping[str, str]) -> None:
    """Raise InvalidParameterError for a bad option."""
    address = _address(options)
    for name in ("gelf-tcp-max-reconnect", "gelf-tcp-reconnect-delay"):
        if name in options and address.scheme != "tcp":
            raise InvalidParameterError(f"{name} option is only supported for TCP")
        parse_number(options, name, 0)
    if options.get("gelf-compression-type", "gzip") not in _COMPRESSIONS:
        kind = options["gelf-compression-type"]
        raise InvalidParameterError(f'gelf: invalid compression type "{kind}"')
    level = options.get("gelf-compression-level", "1")
    if level not in _LEVELS:
        raise InvalidParameterError(f'gelf: invalid compression level "{level}"')


def _address(options: Mapping[str, str]) -> Address:
    text = options.get("gelf-address", "")
    if not text:
        raise InvalidParameterError("gelf-address is a required parameter")
    return parse_address("gelf-address", text, ("udp", "tcp"), _PORT)


class Gelf:
    """Sends each line as a JSON message."""

    def __init__(self, info: LogInfo) -> None:
        self._connection = Connection(_address(info.options))
        self._compression = info.options.get("gelf-compression-type", "gzip")
        self._level = int(info.options.get("gelf-compression-level", "1"))
        self._fields = {
            "_command": info.command,
            "_container_id": info.container_id,
            "_container_name": info.container_name,
            "_created": format_timestamp_ns(info.created_at_ns),
            "_image_id": info.image_id,
            "_image_name": info.image_name,
            "_tag": tag_of(info),
            **{f"_{name}": value for name, value in extra_attributes(info).items()},
        }
        self._connection.open()

    def write(self, records: Sequence[LogRecord]) -> None:
        """Send records; an empty line is none, as in Docker. [blocking]"""
        for record in records:
            if text := text_of(record):
                self._send(self._document(record, text))

    def close(self) -> None:
        """End the connection."""
        self._connection.close()

    def _document(self, record: LogRecord, text: str) -> bytes:
        return msgspec.json.encode(
            {
                "version": "1.1",
                "host": os.uname().nodename,
                "short_message": text,
                "timestamp": record.time_ns // 1_000_000 / 1000,
                "level": severity_of(record),
                **self._fields,
            }
        )

    def _send(self, document: bytes) -> None:
        if not self._connection.address.is_datagram:
            self._connection.send(document + b"\0")
            return
        for chunk in chunks(self._compressed(document)):
            self._connection.send(chunk)

    def _compressed(self, document: bytes) -> bytes:
        if self._compression == "none":
            return document
        if self._compression == "zlib":
            return zlib.compress(document, self._level)
        return igzip.compress(document, isal_zlib.ISAL_BEST_SPEED)


def chunks(message: bytes) -> list[bytes]:
    """Cut a message into datagrams; one that needs too many of them is dropped."""
    if len(message) <= CHUNK_SIZE:
        return [message]
    room = CHUNK_SIZE - 12
    pieces = [message[at : at + room] for at in range(0, len(message), room)]
    if len(pieces) > _MAX_CHUNKS:
        return []
    head = _CHUNK_MAGIC + secrets.token_bytes(8)
    return [head + bytes((number, len(pieces))) + piece for number, piece in enumerate(pieces)]
