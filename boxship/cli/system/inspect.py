"""``boxship inspect``: any object by name or id."""

from boxship.cli.errors import CliError
from boxship.cli.flags import Flag, Flags
from boxship.cli.inspecting import FORMAT, inspect
from boxship.cli.session import Cli
from boxship.client.calls.containers import container_inspect
from boxship.client.calls.images import image_inspect
from boxship.client.calls.networks import network_inspect
from boxship.client.calls.volumes import volume_inspect
from boxship.errors import NotFoundError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from boxship.client.core import Call

USAGE = "[OPTIONS] NAME|ID [NAME|ID...]"
ARGS: tuple[int, int | None] = (1, None)
FLAGS = (
    FORMAT,
    Flag("size", "s", "bool", "Display total file sizes if the type is container"),
    Flag("type", "", "string", "Only inspect objects of the given type"),
)
_CALLS: "dict[str, Callable[[str], Call]]" = {
    "container": container_inspect,
    "image": image_inspect,
    "network": network_inspect,
    "volume": volume_inspect,
}
"""In the order in which a name is looked up."""


def run(cli: Cli, flags: Flags, args: list[str]) -> int:
    """Print the documents."""
    kind = flags.text("type")
    if flags.changed("type") and kind not in _CALLS:
        names = ", ".join(f'"{name}"' for name in _CALLS)
        raise CliError(f'unknown type: "{kind}": must be one of {names}')
    kinds = [kind] if kind else list(_CALLS)
    size = flags.on("size")
    return inspect(cli, flags.text("format"), args, lambda ref: _find(cli, kinds, ref, size=size))


def _find(cli: Cli, kinds: list[str], ref: str, *, size: bool) -> "Any":
    for kind in kinds:
        call = container_inspect(ref, size=size) if kind == "container" else _CALLS[kind](ref)
        try:
            return cli.json(call)
        except NotFoundError:
            if len(kinds) == 1:
                raise
    raise NotFoundError(f"no such object: {ref}")
