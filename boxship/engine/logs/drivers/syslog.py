"""The driver ``syslog``: RFC 3164 and RFC 5424 messages, by datagrams or a stream."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from boxship.engine.logs.drivers.connection import Address, Connection, parse_address
from boxship.engine.logs.drivers.driver import LogInfo, parse_bool, severity_of, tag_of, text_of
from boxship.errors import InvalidParameterError
from boxship.units import natural

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping, Sequence

    from boxship.engine.logs.line import LogRecord

OPTIONS = frozenset(
    {"syslog-address", "syslog-facility", "syslog-format", "syslog-tls-ca-cert"}
    | {"syslog-tls-cert", "syslog-tls-key", "syslog-tls-skip-verify"}
)
_SCHEMES = ("udp", "tcp", "tcp+tls", "unix", "unixgram")
_PORT = 514
_LOCAL_SOCKETS = ("/dev/log", "/var/run/syslog", "/var/run/log")
_FACILITIES = (
    *("kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron"),
    *("authpriv", "ftp", "ntp", "security", "console", "solaris-cron"),
    *(f"local{number}" for number in range(8)),
)
_FORMATS = ("", "rfc3164", "rfc5424", "rfc5424micro")
_NS = 1_000_000_000


def check(options: Mapping[str, str]) -> None:
    """Raise InvalidParameterError for a bad option."""
    _address(options)
    _facility(options)
    parse_bool(options, "syslog-tls-skip-verify")
    if options.get("syslog-format", "") not in _FORMATS:
        raise InvalidParameterError(f"invalid syslog format: {options['syslog-format']}")


def _address(options: Mapping[str, str]) -> Address | None:
    text = options.get("syslog-address", "")
    return parse_address("syslog-address", text, _SCHEMES, _PORT) if text else None


def _facility(options: Mapping[str, str]) -> int:
    """Return a facility's number, given by name or number (RFC 5424 table 1)."""
    text = options.get("syslog-facility", "") or "daemon"
    if text in _FACILITIES:
        return _FACILITIES.index(text)
    number = natural(text)
    if number is not None and number < len(_FACILITIES):
        return number
    raise InvalidParameterError("invalid syslog facility")


class Syslog:
    """Sends each line as a message."""

    def __init__(self, info: LogInfo) -> None:
        options = info.options
        address = _address(options) or _local()
        self._connection = Connection(address, lambda: _tls(options))
        self._facility = _facility(options)
        self._format = options.get("syslog-format", "")
        self._tag = tag_of(info)
        self._counts_octets = address.scheme == "tcp+tls" and self._format.startswith("rfc5424")
        self._connection.open()

    def write(self, records: Sequence[LogRecord]) -> None:
        """Send records. [blocking]"""
        for record in records:
            message = self.message(record)
            if self._counts_octets:  # RFC 5425 section 4.3
                message = b"%d %b" % (len(message), message)
            self._connection.send(message)

    def close(self) -> None:
        """End the connection."""
        self._connection.close()

    def message(self, record: LogRecord) -> bytes:
        """Return a record as a message, in the format that was chosen."""
        priority = self._facility * 8 + severity_of(record)
        host, pid, tag = os.uname().nodename, os.getpid(), self._tag
        if self._format.startswith("rfc5424"):
            digits = 6 if self._format.endswith("micro") else 0
            stamp = _rfc3339_local(record.time_ns, digits)
            text = f"<{priority}>1 {stamp} {host} {tag} {pid} {tag} - {text_of(record)}\n"
        else:
            where = f"{host} " if self._format else ""
            stamp = time.strftime("%b %e %H:%M:%S", time.localtime(record.time_ns // _NS))
            text = f"<{priority}>{stamp} {where}{tag}[{pid}]: {text_of(record)}\n"
        return text.encode()


def _local() -> Address:
    for path in _LOCAL_SOCKETS:
        if Path(path).is_socket():
            return Address("unixgram", path)
    raise OSError("no syslog socket here: install a syslog daemon or give syslog-address")


def _rfc3339_local(time_ns: int, digits: int) -> str:
    moment = time.localtime(time_ns // _NS)
    fraction = f".{time_ns % _NS:09d}"[: digits + 1] if digits else ""
    zone = time.strftime("%z", moment)
    return time.strftime("%Y-%m-%dT%H:%M:%S", moment) + f"{fraction}{zone[:3]}:{zone[3:]}"


def _tls(options: Mapping[str, str]) -> ssl.SSLContext:
    import ssl

    context = ssl.create_default_context(cafile=options.get("syslog-tls-ca-cert") or None)
    if options.get("syslog-tls-cert"):
        context.load_cert_chain(options["syslog-tls-cert"], options.get("syslog-tls-key") or None)
    if parse_bool(options, "syslog-tls-skip-verify"):
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
