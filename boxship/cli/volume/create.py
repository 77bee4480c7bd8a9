"""``boxship volume create``."""

from boxship.cli.container.spec_files import pairs
from boxship.cli.errors import CliError
from boxship.cli.flags import Flag, Flags
from boxship.cli.session import Cli
from boxship.client.calls.volumes import volume_create

USAGE = "[OPTIONS] [VOLUME]"
ARGS: tuple[int, int | None] = (0, 1)
FLAGS = (
    Flag("driver", "d", "string", "Specify volume driver name", default="local"),
    Flag("label", "", "list", "Set metadata for a volume"),
    Flag("name", "", "string", "Specify volume name", hidden=True),
    Flag("opt", "o", "list", "Set driver specific options", shown="map"),
)


def run(cli: Cli, flags: Flags, args: list[str]) -> int:
    """Create a volume and print its name."""
    if args and flags.changed("name"):
        raise CliError("conflicting options: the volume is named both by --name and as an argument")
    body = {
        "Name": args[0] if args else flags.text("name"),
        "Driver": flags.text("driver"),
        "DriverOpts": pairs(flags.items("opt")),
        "Labels": pairs(flags.items("label")),
    }
    cli.print(cli.json(volume_create(body))["Name"])
    return 0
