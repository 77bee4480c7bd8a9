"""``--format`` on whole JSON documents."""

from boxship.cli.tables import html_escaped, template
from boxship.client import jsontext

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def render_one(document: "Any", text: str) -> str:
    """One document as the value of --format asks: ``json`` or a Go template, with a line break."""
    if text == "json":
        return html_escaped(jsontext.dumps(document)) + "\n"
    return template(text)(document) + "\n"
