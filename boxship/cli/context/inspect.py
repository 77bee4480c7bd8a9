"""``boxship context inspect``."""

from boxship.cli.context.current import load_context
from boxship.cli.context.store import ContextStore
from boxship.cli.flags import Flags
from boxship.cli.inspecting import FORMAT, inspect
from boxship.cli.options import DEFAULT_CONTEXT
from boxship.cli.session import Cli

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

USAGE = "[OPTIONS] [CONTEXT] [CONTEXT...]"
ARGS: tuple[int, int | None] = (0, None)
FLAGS = (FORMAT,)
_IN_MEMORY = "<IN MEMORY>"


def run(cli: Cli, flags: Flags, args: list[str]) -> int:
    """Print the documents of contexts, by default of the one in use."""
    names = args or [cli.options.context]
    return inspect(cli, flags.text("format"), names, lambda name: _document(cli, name))


def _document(cli: Cli, name: str) -> "dict[str, Any]":
    context = load_context(cli, name)
    store = ContextStore(cli.options.config_dir)
    paths = store.meta_dir(name), store.tls_dir(name)
    if name == DEFAULT_CONTEXT:
        paths = _IN_MEMORY, _IN_MEMORY
    return {
        **context.document(),
        "TLSMaterial": {"docker": list(context.tls)} if context.tls else {},
        "Storage": {"MetadataPath": paths[0], "TLSPath": paths[1]},
    }
