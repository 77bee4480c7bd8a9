"""Calls of the API that a daemon has to refuse, and what must hold for its refusals."""

import inspect
import re
from collections.abc import Iterable
from importlib import import_module

import msgspec
import pytest

from boxship.api.operations import OPERATIONS, Operation
from tests.support.daemon import Daemon
from tests.support.exchange import Answer, exchange

_DECODES = re.compile(r"(?:request\.json|decode_json)\((?:.*, )?([A-Z]\w+)")


def _body_of(operation: Operation) -> type[msgspec.Struct] | None:
    """Return what an operation's handler decodes its body into."""
    module = import_module(f"boxship.api.routes.{operation.module}")
    found = _DECODES.search(inspect.getsource(getattr(module, operation.handler_name)))
    schema: type[msgspec.Struct] | None = getattr(module, found[1]) if found else None
    return schema


BODIES = {one.name: body for one in OPERATIONS if (body := _body_of(one)) is not None}
"""The schema of each operation that reads JSON."""
BY_NAME = {operation.name: operation for operation in OPERATIONS}
PARAMETER = re.compile(r"\{\w+\*?\}")


def told(faults: Iterable[str]) -> None:
    """Fail with all faults, if there are any."""
    if found := sorted({*faults} - {""}):
        pytest.fail("\n".join(found[:40]))


def surprises(log: str) -> list[str]:
    """Return the ends of the tracebacks in a log, each kind once."""
    found = re.findall(r"Traceback \(most recent.*?\n(?=time=|\Z)", log, re.DOTALL)
    return sorted({re.sub(r"(.)\1{30,}", r"\1…", text)[-700:] for text in found})


def state(daemon: Daemon) -> dict[str, list[str]]:
    """Return the names of all that a daemon keeps."""
    return {
        "containers": sorted(row["Id"] for row in daemon.get("/containers/json?all=1")),
        "images": sorted(row["Id"] for row in daemon.get("/images/json")),
        "networks": sorted(row["Id"] for row in daemon.get("/networks")),
        "volumes": sorted(row["Name"] for row in daemon.get("/volumes")["Volumes"] or ()),
    }


def path_of(operation: Operation, name: str = "no-such-thing") -> str:
    """Return an operation's path, with a name in it."""
    return PARAMETER.sub(lambda _: name, operation.path)


def refused(daemon: Daemon, sent: bytes, *allowed: int, ends: bool = False) -> Answer:
    """Send what must be refused, and check the form of the refusal."""
    answer = exchange(daemon.socket, sent, ends=ends)
    assert answer is not None, f"no answer to {sent[:2000]!r}"
    assert answer.status in (allowed or (*range(400, 500), 501, 503)), (answer, sent)
    if not sent.startswith(b"HEAD"):
        assert answer.message.strip(), sent
    return answer


UNEXPECTED = re.compile(r"\w+(Error|Exception): ")
"""How an answer begins that nobody has thought of."""


def wrong_with(daemon: Daemon, sent: bytes) -> str:
    """Send what may be taken or refused, but must not fail; return what is wrong, if anything."""
    answer = exchange(daemon.socket, sent)
    if answer is None:
        return f"no answer to {sent[:2000]!r}"
    if answer.status < 400 or sent.startswith(b"HEAD"):
        return ""
    if UNEXPECTED.match(answer.message) or not answer.message.strip():
        return f"{answer.status} {answer.body[:500]!r} to {sent[:2000]!r}"
    return ""
