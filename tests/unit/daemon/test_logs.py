import json
import logging
import sys

from boxship.daemon.logs import JsonFormatter, TextFormatter


def record_of(message: str, *, failed: bool = False) -> logging.LogRecord:
    info = None
    if failed:
        try:
            raise KeyError("lost")
        except KeyError:
            info = sys.exc_info()
    record = logging.LogRecord("x", logging.WARNING, "f", 1, message, ("a",), info)
    record.created = 1_700_000_000.25
    return record


def test_text_lines_are_logfmt() -> None:
    assert TextFormatter().format(record_of('say "%s"')) == (
        'time="2023-11-14T22:13:20.250000000Z" level=warning msg="say \\"a\\""'
    )


def test_a_traceback_follows_the_line() -> None:
    lines = TextFormatter().format(record_of("%s", failed=True)).splitlines()
    assert lines[1].startswith("Traceback")
    assert lines[-1] == "KeyError: 'lost'"


def test_json_lines() -> None:
    document = json.loads(JsonFormatter().format(record_of("%s", failed=True)))
    assert document["level"] == "warning"
    assert document["msg"] == "a"
    assert document["time"] == "2023-11-14T22:13:20.250000000Z"
    assert "KeyError" in document["error"]
