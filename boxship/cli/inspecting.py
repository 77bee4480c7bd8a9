"""``inspect``, and ``--format`` on whole JSON documents."""

from boxship.cli.flags import Flag
from boxship.cli.main import describe
from boxship.cli.session import Cli
from boxship.cli.tables import template
from boxship.client import jsontext
from boxship.client.errors import DaemonError
from boxship.errors import BoxshipError, NotFoundError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

FORMAT = Flag(
    "format", "f", "string", "Format output using a custom template: 'json' or a Go template"
)


def render_one(document: "Any", text: str) -> str:
    """One document as the value of --format asks: ``json`` or a Go template, with a line break."""
    if text == "json":
        return jsontext.dumps(document) + "\n"
    return template(text)(document) + "\n"


def inspect(cli: Cli, text: str, refs: list[str], get: "Callable[[str], Any]") -> int:
    """Print get(ref) for each ref as one JSON list, or each through the template text.

    What was found is printed first, then what was not; 1 if anything was not.
    """
    documents: list[Any] = []
    failures: list[str] = []
    for ref in refs:
        try:
            documents.append(get(ref))
        except BoxshipError as error:
            failures.append(_failure(error, ref))
    if text:
        for document in documents:
            cli.write(render_one(document, text))
    else:
        cli.print(jsontext.dumps_indented(documents))
    if failures:
        cli.warn("\n".join(failures))
    return 1 if failures else 0


def _failure(error: BoxshipError, ref: str) -> str:
    """As in Docker, an unknown object is ``Error: No such …`` without the usual prefix."""
    if isinstance(error, NotFoundError) and not isinstance(error, DaemonError):
        return f"Error: No such object: {ref}"
    return describe(error)
