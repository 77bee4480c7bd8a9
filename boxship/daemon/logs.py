"""The daemon's own log: to stderr, as text (logfmt) or JSON, one line per record."""

import json
import logging
import sys
import time
from typing import Final

_LEVELS: Final = {
    "trace": logging.DEBUG,
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "error": logging.ERROR,
    "fatal": logging.CRITICAL,
    "panic": logging.CRITICAL,
}
_WORDS: Final = {
    logging.DEBUG: "debug",
    logging.INFO: "info",
    logging.WARNING: "warning",
    logging.ERROR: "error",
    logging.CRITICAL: "fatal",
}


class _Formatter(logging.Formatter):
    """The parts that both formats share."""

    def _fields(self, record: logging.LogRecord) -> dict[str, str]:
        whole, fraction = divmod(record.created, 1)
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole))
        fields = {
            "time": f"{moment}.{int(fraction * 1e9):09d}Z",
            "level": _WORDS.get(record.levelno, record.levelname.lower()),
            "msg": record.getMessage(),
        }
        if record.exc_info:
            fields["error"] = self.formatException(record.exc_info)
        return fields


class TextFormatter(_Formatter):
    """``time="…" level=info msg="…"``; a traceback follows on lines of its own."""

    def format(self, record: logging.LogRecord) -> str:
        """Format one record."""
        fields = self._fields(record)
        message = json.dumps(fields["msg"], ensure_ascii=False)
        line = f'time="{fields["time"]}" level={fields["level"]} msg={message}'
        return f"{line}\n{fields['error']}" if "error" in fields else line


class JsonFormatter(_Formatter):
    """One JSON object per line."""

    def format(self, record: logging.LogRecord) -> str:
        """Format one record."""
        return json.dumps(self._fields(record), ensure_ascii=False)


def configure_logging(level: str, log_format: str) -> None:
    """Send all records of at least ``level`` to stderr; replaces an earlier configuration."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if log_format == "json" else TextFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(_LEVELS[level])
    logging.getLogger("asyncio").setLevel(logging.WARNING)
    logging.getLogger("urllib3").setLevel(logging.WARNING)
