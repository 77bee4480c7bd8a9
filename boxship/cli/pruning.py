"""``prune`` of each kind of object."""

from boxship import units
from boxship.cli.confirm import confirm
from boxship.cli.filters import read_filters
from boxship.cli.flags import Flag, Flags
from boxship.cli.session import Cli
from boxship.client.calls.containers import container_prune
from boxship.client.calls.images import image_prune
from boxship.client.calls.networks import network_prune
from boxship.client.calls.volumes import volume_prune

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any

    from boxship.client.core import Call

    Filters = Mapping[str, list[str]]

FORCE = Flag("force", "f", "bool", "Do not prompt for confirmation")
FILTER = Flag(
    "filter", "", "list", 'Provide filter values (e.g. "until=<timestamp>")', shown="filter"
)
PLAN = Flag("plan", "", "bool", "Show what would go and what it would free, and change nothing")
FLAGS_WITH_FILTER = (FILTER, FORCE, PLAN)


class Prunable:
    """A kind of object that can be pruned.

    warning: what is printed before the question. key: where the answer lists what went.
    title: how that list is headed.
    """

    def __init__(
        self, warning: str, call: "Callable[[Filters], Call]", key: str, title: str
    ) -> None:
        self.warning = warning
        self.call = call
        self.key = key
        self.title = title


CONTAINERS = Prunable(
    "WARNING! This will remove all stopped containers.",
    container_prune,
    "ContainersDeleted",
    "Deleted Containers:",
)
NETWORKS = Prunable(
    "WARNING! This will remove all custom networks not used by at least one container.",
    network_prune,
    "NetworksDeleted",
    "Deleted Networks:",
)
VOLUMES = Prunable(
    "WARNING! This will remove anonymous local volumes not used by at least one container.",
    volume_prune,
    "VolumesDeleted",
    "Deleted Volumes:",
)
IMAGES = Prunable(
    "WARNING! This will remove all dangling images.",
    image_prune,
    "ImagesDeleted",
    "Deleted Images:",
)


def prune(
    cli: Cli,
    flags: Flags,
    kind: Prunable,
    *,
    warning: str = "",
    extra: "Filters | None" = None,
) -> int:
    """Ask, prune, print what went. extra: filters beside those of the flag."""
    if flags.on("plan"):
        filters = {**prune_filters(cli, flags), **(extra or {})}
        print_plan(cli, [plan_one(cli, kind, filters)])
        return 0
    if not flags.on("force") and not confirm(cli, warning or kind.warning):
        return 0
    filters = {**prune_filters(cli, flags), **(extra or {})}
    reclaimed = prune_one(cli, kind, filters)
    if kind is not NETWORKS:
        cli.print(f"Total reclaimed space: {units.human_size(reclaimed)}")
    return 0


def prune_filters(cli: Cli, flags: Flags) -> dict[str, list[str]]:
    """The flag's filters and the configuration's ``pruneFilters``."""
    filters = read_filters(flags)
    for text in cli.config.document.get("pruneFilters") or []:
        key, _, value = str(text).partition("=")
        if key == "label" and value in filters.get("label!", []):
            continue
        filters.setdefault(key, []).append(value)
    return filters


class Plan:
    """What pruning one kind of object would do. names: as the answer lists them."""

    def __init__(self, kind: Prunable, items: "list[Any]", freed: int) -> None:
        self.kind = kind
        self.items = items
        self.freed = freed


def plan_one(cli: Cli, kind: Prunable, filters: "Filters", without: "Iterable[str]" = ()) -> Plan:
    """Ask what a prune would remove. without: ids of containers that are gone by then."""
    call = kind.call(filters)
    call.query = {**call.query, "plan": True, "without": ",".join(without) or None}
    answer = cli.json(call) or {}
    return Plan(kind, answer.get(kind.key) or [], int(answer.get("SpaceReclaimed") or 0))


def print_plan(cli: Cli, plans: "list[Plan]") -> None:
    """Print what several prunes after another would remove."""
    for plan in plans:
        if plan.items:
            cli.print(plan.kind.title.replace("Deleted", "Would delete"))
            cli.write("".join(f"{_line(item)}\n" for item in plan.items) + "\n")
    if not any(plan.items for plan in plans):
        cli.print("Nothing would be deleted")
    cli.print(f"Would reclaim: {units.human_size(sum(plan.freed for plan in plans))}")


def prune_one(cli: Cli, kind: Prunable, filters: "Filters") -> int:
    """Prune and print the list; returns the bytes that became free."""
    answer = cli.json(kind.call(filters)) or {}
    items = answer.get(kind.key) or []
    if items:
        cli.print(kind.title)
        cli.write("".join(f"{_line(item)}\n" for item in items) + "\n")
    return int(answer.get("SpaceReclaimed") or 0)


def _line(item: "Any") -> str:
    if isinstance(item, str):
        return item
    if item.get("Untagged"):
        return f"untagged: {item['Untagged']}"
    return f"deleted: {item['Deleted']}"
