"""Go's text/template, as ``--format`` uses it: an own evaluator for JSON-like data.

    compile("{{.Name}}: {{join .Tags \\",\\"}}").render({"Name": "web", "Tags": ["a", "b"]})

What the data may consist of is described in ``boxship.gotemplate.values``; Docker's functions are
in ``functions``. Errors are TemplateError, in Docker's words ("template parsing error: …").
"""

from boxship.gotemplate.evaluate import Evaluation
from boxship.gotemplate.functions import FUNCTIONS, HEADER_FUNCTIONS
from boxship.gotemplate.parser import Trees, parse
from boxship.gotemplate.values import (
    NIL_MAP,
    NIL_POINTER,
    NIL_SLICE,
    Map,
    Struct,
    TemplateError,
)

__all__ = [
    "NIL_MAP",
    "NIL_POINTER",
    "NIL_SLICE",
    "Map",
    "Struct",
    "Template",
    "TemplateError",
    "compile",
]


class Template:
    """A parsed template; may be rendered any number of times."""

    def __init__(self, text: str, trees: Trees) -> None:
        self._text = text
        self._trees = trees

    def render(self, data: object, *, strict: bool = True, header: bool = False) -> str:
        """Run the template over data.

        strict: a key that a mapping lacks is an error, else it prints ``<no value>``.
        header: data holds the titles of columns; Docker's functions leave them as they are.
        Raises TemplateError.
        """
        functions = HEADER_FUNCTIONS if header else FUNCTIONS
        evaluation = Evaluation(self._text, self._trees, functions, strict)
        evaluation.run("", data)
        return "".join(evaluation.output)


def compile(text: str) -> Template:  # noqa: A001 (the module is the namespace, as with re.compile)
    """Parse a template. Raises TemplateError."""
    return Template(text, parse(text, FUNCTIONS))
