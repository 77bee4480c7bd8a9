"""What the engine has in the kernel: the same before the first container and after the last."""

import json
import re
from collections.abc import Mapping
from pathlib import Path

from tests.guest.kit import CGROUPS, output, until

_NAMESPACES = Path("/run/boxship/netns")
_PARENT = CGROUPS / "boxship"
_OF_CONTAINER = re.compile(r"boxship[-/][0-9a-f]{64}")
_PROGRAMS = ("conmon", "crun", "runc")


def snapshot() -> dict[str, set[str]]:
    """Return names by kind: mounts, groups, namespaces, firewall rules, processes."""
    return {
        "mounts": _mounts(),
        "groups": _groups(),
        "namespaces": {line.split()[0] for line in output("ip", "netns").splitlines() if line},
        "links": {row["ifname"] for row in json.loads(output("ip", "-j", "link"))},
        "rules": _rules(),
        "processes": {name for name in _process_names() if name in _PROGRAMS},
    }


def added(before: Mapping[str, set[str]]) -> dict[str, set[str]]:
    """Return what is there now and was not before, by kind."""
    now = snapshot()
    return {kind: now[kind] - before[kind] for kind in now if now[kind] - before[kind]}


def expect_none(before: Mapping[str, set[str]]) -> None:
    """Raise AssertionError that names what stays; the kernel may take a moment to clean up."""
    try:
        until(lambda: not added(before), "cleaning up")
    except AssertionError:
        raise AssertionError(f"left behind: {added(before)}") from None


def pinned_namespaces() -> list[str]:
    """Return the network namespaces below the engine's directory."""
    return sorted(path.name for path in _NAMESPACES.iterdir())


def _mounts() -> set[str]:
    """A running engine keeps some namespaces ready: they are not looked at."""
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    targets = (line.split()[4] for line in lines)
    return {target for target in targets if Path(target).parent != _NAMESPACES}


def _groups() -> set[str]:
    """Those of containers; the parent of all of them stays, as Docker's does."""
    groups = {path.parent for path in CGROUPS.rglob("cgroup.procs")} - {_PARENT}
    return {str(group) for group in groups if _OF_CONTAINER.search(str(group))}


def _rules() -> set[str]:
    text = output("nft", "-s", "list", "ruleset")
    return {line.strip() for line in text.splitlines() if line.strip() not in ("", "}")}


def _process_names() -> set[str]:
    names = set()
    for path in Path("/proc").glob("[0-9]*/comm"):
        try:
            names.add(path.read_text().strip())
        except OSError:
            continue
    return names
