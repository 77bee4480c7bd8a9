"""``boxship system prune``."""

from boxship import units
from boxship.cli.confirm import confirm
from boxship.cli.flags import Flag, Flags
from boxship.cli.pruning import (
    CONTAINERS,
    FLAGS_WITH_FILTER,
    IMAGES,
    NETWORKS,
    VOLUMES,
    Plan,
    plan_one,
    print_plan,
    prune_filters,
    prune_one,
)
from boxship.cli.session import Cli
from boxship.client.calls.system import build_prune
from boxship.errors import NotFoundError, NotSupportedError

USAGE = "[OPTIONS]"
ARGS: tuple[int, int | None] = (0, 0)
FLAGS = (
    Flag("all", "a", "bool", "Remove all unused images not just dangling ones"),
    *FLAGS_WITH_FILTER,
    Flag("volumes", "", "bool", "Prune anonymous volumes"),
)


def run(cli: Cli, flags: Flags, args: list[str]) -> int:
    """Remove all that is unused."""
    everything, volumes = flags.on("all"), flags.on("volumes")
    if flags.on("plan"):
        print_plan(cli, _plans(cli, flags, everything=everything, volumes=volumes))
        return 0
    if not flags.on("force") and not confirm(cli, _warning(everything=everything, volumes=volumes)):
        return 0
    filters = prune_filters(cli, flags)
    reclaimed = prune_one(cli, CONTAINERS, filters)
    prune_one(cli, NETWORKS, filters)
    if volumes:
        reclaimed += prune_one(cli, VOLUMES, _without_until(filters))
    reclaimed += prune_one(cli, IMAGES, _of_images(filters, everything=everything))
    reclaimed += _prune_build_cache(cli, filters, everything=everything)
    cli.print(f"Total reclaimed space: {units.human_size(reclaimed)}")
    return 0


def _plans(cli: Cli, flags: Flags, *, everything: bool, volumes: bool) -> list[Plan]:
    """Ask for the plan of each kind; what the containers use counts as free by then."""
    filters = prune_filters(cli, flags)
    containers = plan_one(cli, CONTAINERS, filters)
    plans = [containers, plan_one(cli, NETWORKS, filters)]
    if volumes:
        plans.append(plan_one(cli, VOLUMES, _without_until(filters), containers.items))
    of_images = _of_images(filters, everything=everything)
    return [*plans, plan_one(cli, IMAGES, of_images, containers.items)]


def _without_until(filters: dict[str, list[str]]) -> dict[str, list[str]]:
    return {key: value for key, value in filters.items() if key != "until"}


def _of_images(filters: dict[str, list[str]], *, everything: bool) -> dict[str, list[str]]:
    return {**filters, "dangling": ["false" if everything else "true"]}


def _prune_build_cache(cli: Cli, filters: dict[str, list[str]], *, everything: bool) -> int:
    try:
        answer = cli.json(build_prune(all=everything, filters=filters)) or {}
    except (NotFoundError, NotSupportedError):  # an engine without a builder has no cache
        return 0
    caches = answer.get("CachesDeleted") or []
    if caches:
        cli.print("Deleted build cache objects:")
        cli.write("".join(f"{name}\n" for name in caches) + "\n")
    return int(answer.get("SpaceReclaimed") or 0)


def _warning(*, everything: bool, volumes: bool) -> str:
    lines = [
        "all stopped containers",
        "all networks not used by at least one container",
        *(["all anonymous volumes not used by at least one container"] if volumes else []),
        "all images without at least one container associated to them"
        if everything
        else "all dangling images",
        "all build cache" if everything else "unused build cache",
    ]
    listed = "".join(f"  - {line}\n" for line in lines)
    return f"WARNING! This will remove:\n{listed}"
