"""What ``volume cp`` and ``volume snapshot`` share."""

from boxship.cli.flags import Flag
from boxship.cli.session import Cli
from boxship.client.calls.volume_extras import volume_copy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

LIVE = Flag("live", "", "bool", "Do not pause the containers that use the volume meanwhile")


def copy(cli: Cli, name: str, body: "Mapping[str, Any]") -> int:
    """Copy a volume; print the new one's name, and on standard error what was paused for it."""
    done = cli.json(volume_copy(name, body))
    if done["Paused"]:
        how = "shared their blocks with" if done["Method"] == "reflink" else "were copied to"
        short = ", ".join(one[:12] for one in done["Paused"])
        cli.warn(f"Paused while the files {how} the new volume: {short}")
    cli.print(done["Volume"]["Name"])
    return 0
