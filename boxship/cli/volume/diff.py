"""``boxship volume diff``."""

from boxship.cli.flags import Flags
from boxship.cli.session import Cli
from boxship.client.calls.volume_extras import volume_diff

USAGE = "VOLUME OTHER"
ARGS: tuple[int, int | None] = (2, 2)
FLAGS = ()


def run(cli: Cli, flags: Flags, args: list[str]) -> int:
    """Print what turns the files of one volume into another's: A added, C changed, D removed."""
    letters = {"added": "A", "changed": "C", "removed": "D"}
    for change in cli.json(volume_diff(args[0], args[1])):
        cli.print(f"{letters[change['Kind']]} {change['Path']}")
    return 0
