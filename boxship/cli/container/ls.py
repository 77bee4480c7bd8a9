"""``boxship container ls``, ``boxship ps``."""

from boxship.cli import human
from boxship.cli.container import ports
from boxship.cli.filters import FILTER, FORMAT, read_filters
from boxship.cli.flags import Flag, Flags
from boxship.cli.session import Cli
from boxship.cli.tables import Listing
from boxship.client import jsontext
from boxship.client.calls.containers import container_list

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

USAGE = "[OPTIONS]"
ARGS: tuple[int, int | None] = (0, 0)
FLAGS = (
    Flag("all", "a", "bool", "Show all containers (default shows just running)"),
    FILTER,
    FORMAT,
    Flag("last", "n", "int", "Show n last created containers (includes all states)", default=-1),
    Flag("latest", "l", "bool", "Show the latest created container (includes all states)"),
    Flag("no-trunc", "", "bool", "Don't truncate output"),
    Flag("quiet", "q", "bool", "Only display container IDs"),
    Flag("size", "s", "bool", "Display total file sizes"),
)
_HEADERS = {
    "Command": "COMMAND",
    "CreatedAt": "CREATED AT",
    "ID": "CONTAINER ID",
    "Image": "IMAGE",
    "Labels": "LABELS",
    "LocalVolumes": "LOCAL VOLUMES",
    "Mounts": "MOUNTS",
    "Names": "NAMES",
    "Networks": "NETWORKS",
    "Platform": "PLATFORM",
    "Ports": "PORTS",
    "RunningFor": "CREATED",
    "Size": "SIZE",
    "State": "STATE",
    "Status": "STATUS",
}
_COLUMNS = ("ID", "Image", "Command", "RunningFor", "Status", "Ports", "Names")
_COMMAND_WIDTH = 20
_MOUNT_WIDTH = 15


def run(cli: Cli, flags: Flags, args: list[str]) -> int:
    """Print the list."""
    text = flags.text("format") or ("" if flags.on("quiet") else cli.config.text("psFormat"))
    limit = flags.number("last")
    if flags.on("latest") and limit < 0:
        limit = 1
    call = container_list(
        all=flags.on("all"),
        limit=limit if limit > 0 else None,
        size=flags.on("size") or ".Size" in text,
        filters=read_filters(flags),
    )
    no_trunc = flags.on("no-trunc")
    rows = [_row(container, no_trunc=no_trunc) for container in cli.json(call)]
    columns = (*_COLUMNS, "Size") if flags.on("size") else _COLUMNS
    listing = Listing(_HEADERS, columns, "ID")
    cli.write(listing.render(rows, text, quiet=flags.on("quiet")))
    return 0


def _row(container: "Mapping[str, Any]", *, no_trunc: bool) -> "dict[str, Any]":
    labels = container.get("Labels") or {}
    created = container["Created"]
    mounts = container.get("Mounts") or []
    networks = (container.get("NetworkSettings") or {}).get("Networks") or {}
    return {
        "ID": human.short_id(container["Id"], no_trunc=no_trunc),
        "Names": _names(container.get("Names") or [], no_trunc=no_trunc),
        "Image": _image(container, no_trunc=no_trunc),
        "Command": _command(container.get("Command") or "", no_trunc=no_trunc),
        "CreatedAt": human.local_time(created),
        "RunningFor": human.ago(created),
        "Ports": ports.displayed(container.get("Ports") or []),
        "State": container.get("State", ""),
        "Status": container.get("Status", ""),
        "Size": _size(container),
        "Labels": human.labels(labels),
        "Label": lambda name: labels.get(name, ""),
        "Mounts": ",".join(_mount(mount, no_trunc=no_trunc) for mount in mounts),
        "LocalVolumes": str(sum(mount.get("Driver") == "local" for mount in mounts)),
        "Networks": ",".join(networks),
        "Platform": _platform(container),
    }


def _names(names: list[str], *, no_trunc: bool) -> str:
    """Names without the slash; those of links (``/other/alias``) only with no_trunc."""
    plain = [name.removeprefix("/") for name in names]
    return ",".join(name for name in plain if no_trunc or "/" not in name)


def _image(container: "Mapping[str, Any]", *, no_trunc: bool) -> str:
    image: str = container.get("Image") or ""
    if not image:
        return "<no image>"
    if no_trunc:
        return image
    image_id = container.get("ImageID") or ""
    if image.removeprefix("sha256:") == image_id.removeprefix("sha256:"):
        return human.short_id(image)
    name, _, _ = image.partition("@")
    return name


def _command(command: str, *, no_trunc: bool) -> str:
    shown = command if no_trunc else human.ellipsis(command, _COMMAND_WIDTH)
    return jsontext.dumps(shown)


def _size(container: "Mapping[str, Any]") -> str:
    root = container.get("SizeRootFs") or 0
    text = human.size(container.get("SizeRw") or 0)
    return f"{text} (virtual {human.size(root)})" if root > 0 else text


def _mount(mount: "Mapping[str, Any]", *, no_trunc: bool) -> str:
    name: str = mount.get("Name") or mount.get("Source") or ""
    return name if no_trunc else human.ellipsis(name, _MOUNT_WIDTH)


def _platform(container: "Mapping[str, Any]") -> str:
    platform = (container.get("ImageManifestDescriptor") or {}).get("platform") or {}
    parts = (platform.get("os"), platform.get("architecture"), platform.get("variant"))
    return "/".join(part for part in parts if part)
