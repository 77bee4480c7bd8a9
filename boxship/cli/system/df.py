"""``boxship system df``."""

from boxship import units
from boxship.cli import human
from boxship.cli.filters import FORMAT
from boxship.cli.flags import Flag, Flags
from boxship.cli.session import Cli
from boxship.cli.tables import Listing, align
from boxship.client.calls.system import system_disk_usage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    Json = Mapping[str, Any]
    Row = dict[str, str]

USAGE = "[OPTIONS]"
ARGS: tuple[int, int | None] = (0, 0)
FLAGS = (FORMAT, Flag("verbose", "v", "bool", "Show detailed information on space usage"))
_HEADERS = {
    "Active": "ACTIVE",
    "Reclaimable": "RECLAIMABLE",
    "Size": "SIZE",
    "TotalCount": "TOTAL",
    "Type": "TYPE",
}
_ACTIVE_STATES = ("running", "paused", "restarting")
_COLUMNS = ("Type", "TotalCount", "Active", "Size", "Reclaimable")


def run(cli: Cli, flags: Flags, args: list[str]) -> int:
    """Print the space taken by each kind of object."""
    usage = cli.json(system_disk_usage())
    if flags.on("verbose") and not flags.text("format"):
        cli.write(_verbose(usage))
        return 0
    rows = [_images(usage), _containers(usage), _volumes(usage), _build_cache(usage)]
    cli.write(Listing(_HEADERS, _COLUMNS, "Type").render(rows, flags.text("format")))
    return 0


def _row(kind: str, total: int, active: int, size: int, reclaimable: int) -> "Row":
    percent = f" ({reclaimable * 100 // size}%)" if size > 0 and kind != "Build Cache" else ""
    return {
        "Type": kind,
        "TotalCount": str(total),
        "Active": str(active),
        "Size": units.human_size(size),
        "Reclaimable": units.human_size(reclaimable) + percent,
    }


def _images(usage: "Json") -> "Row":
    images = usage.get("Images") or []
    used = [image for image in images if image.get("Containers", 0) > 0]
    held = sum(
        image["Size"] - image["SharedSize"]
        for image in used
        if image.get("Size", -1) != -1 and image.get("SharedSize", -1) != -1
    )
    size = usage.get("LayersSize") or 0
    return _row("Images", len(images), len(used), size, size - held)


def _containers(usage: "Json") -> "Row":
    containers = usage.get("Containers") or []
    active = [item for item in containers if item.get("State") in _ACTIVE_STATES]
    size = sum(item.get("SizeRw") or 0 for item in containers)
    held = sum(item.get("SizeRw") or 0 for item in active)
    return _row("Containers", len(containers), len(active), size, size - held)


def _volumes(usage: "Json") -> "Row":
    volumes = usage.get("Volumes") or []
    data = [(item.get("UsageData") or {}) for item in volumes]
    active = [item for item in data if item.get("RefCount", 0) > 0]
    size = sum(max(item.get("Size", 0), 0) for item in data)
    held = sum(max(item.get("Size", 0), 0) for item in active)
    return _row("Local Volumes", len(volumes), len(active), size, size - held)


def _build_cache(usage: "Json") -> "Row":
    records = usage.get("BuildCache") or []
    size = sum(item.get("Size") or 0 for item in records if not item.get("Shared"))
    held = sum(
        item.get("Size") or 0 for item in records if item.get("InUse") and not item.get("Shared")
    )
    in_use = sum(bool(item.get("InUse")) for item in records)
    return _row("Build Cache", len(records), in_use, size, size - held)


def _verbose(usage: "Json") -> str:
    sections = (
        ("Images space usage:", _image_lines(usage)),
        ("Containers space usage:", _container_lines(usage)),
        ("Local Volumes space usage:", _volume_lines(usage)),
    )
    text = "\n".join(f"{title}\n\n{align(lines)}" for title, lines in sections)
    cache = units.human_size(sum(item.get("Size") or 0 for item in usage.get("BuildCache") or []))
    return f"{text}\nBuild cache usage: {cache}\n\n{align([_CACHE_TITLES])}"


_CACHE_TITLES = ["CACHE ID", "CACHE TYPE", "SIZE", "CREATED", "LAST USED", "USAGE", "SHARED"]


def _image_lines(usage: "Json") -> list[list[str]]:
    titles = ["REPOSITORY", "TAG", "IMAGE ID", "CREATED", "SIZE", "SHARED SIZE", "UNIQUE SIZE"]
    lines = [[*titles, "CONTAINERS"]]
    for image in usage.get("Images") or []:
        size, shared = image.get("Size") or 0, max(image.get("SharedSize", 0), 0)
        name = (image.get("RepoTags") or ["<none>:<none>"])[0]  # as Docker: only the first
        repository, _, tag = name.rpartition(":")
        identity = [repository, tag, human.short_id(image["Id"]), human.ago(image["Created"])]
        sizes = [human.size(size), units.human_size(shared), units.human_size(size - shared)]
        lines.append([*identity, *sizes, str(max(image.get("Containers", 0), 0))])
    return lines


def _container_lines(usage: "Json") -> list[list[str]]:
    titles = ["CONTAINER ID", "IMAGE", "COMMAND", "LOCAL VOLUMES", "SIZE", "CREATED", "STATUS"]
    lines = [[*titles, "NAMES"]]
    for item in usage.get("Containers") or []:
        local = sum(mount.get("Driver") == "local" for mount in item.get("Mounts") or [])
        lines.append(
            [
                human.short_id(item["Id"]),
                item.get("Image", ""),
                f'"{human.ellipsis(item.get("Command", ""), 20)}"',
                str(local),
                human.size(item.get("SizeRw") or 0),
                human.ago(item["Created"]),
                item.get("Status", ""),
                ",".join(name.removeprefix("/") for name in item.get("Names") or []),
            ]
        )
    return lines


def _volume_lines(usage: "Json") -> list[list[str]]:
    lines = [["VOLUME NAME", "LINKS", "SIZE"]]
    for item in usage.get("Volumes") or []:
        data = item.get("UsageData") or {}
        size = human.size(max(data.get("Size", 0), 0))
        lines.append([item["Name"], str(max(data.get("RefCount", 0), 0)), size])
    return lines
