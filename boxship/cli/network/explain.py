"""``boxship network explain``."""

from boxship.cli.errors import CliError
from boxship.cli.filters import FORMAT
from boxship.cli.flags import Flags
from boxship.cli.session import Cli
from boxship.cli.tables import Listing
from boxship.client.calls.networks import network_explain

USAGE = "[OPTIONS] CONTAINER PORT[/PROTOCOL]"
ARGS: tuple[int, int | None] = (2, 2)
FLAGS = (FORMAT,)
_HEADERS = {
    "From": "FROM",
    "To": "TO",
    "Verdict": "REACHED",
    "Reason": "WHY",
    "Rule": "DECIDED BY",
}


def run(cli: Cli, flags: Flags, args: list[str]) -> int:
    """Say from where a container's port is reached, and why."""
    port, _, protocol = args[1].partition("/")
    if not port.isdecimal():
        raise CliError(f"invalid port {args[1]!r}: write it like 80 or 53/udp")
    found = cli.json(network_explain(args[0], int(port), protocol or "tcp"))
    rows = [
        {
            "From": way["From"],
            "To": way["To"] or "-",
            "Verdict": "yes" if way["Open"] else "no",
            "Reason": way["Reason"],
            "Rule": way["Rule"],
        }
        for way in found["Ways"]
    ]
    listing = Listing(_HEADERS, tuple(_HEADERS), "To")
    cli.write(listing.render(rows, flags.text("format"), quiet=False))
    for note in found["Notes"] or ():
        cli.warn(f"Note: {note}")
    return 0
