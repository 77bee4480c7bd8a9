"""Living beside a firewall whose FORWARD policy is drop (Docker, ufw).

An accept in our own table does not undo a drop in another base chain of the same hook: every base
chain must let a packet through. So where ``ip filter FORWARD`` drops by default, it gets an accept
for our bridges, marked with a comment, in Docker's chain for such rules where there is one. What
may reach a container is decided in our own table all the same.
"""

import asyncio
import logging
import re
import time
from collections.abc import Callable, Iterable

from boxship.linux.nftables import NftablesError

logger = logging.getLogger(__name__)

_PROGRAMS = {"ip": "iptables", "ip6": "ip6tables"}
_DOCKER_BRIDGE = re.compile(r"docker0|docker_gwbridge|br-[0-9a-f]{12}")

_LOOK_INTERVAL_S = 1.0
"""Another firewall may come up after us: its policy is looked at again, but not for each of many
containers that start together."""

RunNft = Callable[[str], list[dict[str, object]]]


class ForwardPolicy:
    """Accept rules in others' FORWARD chain: there while our bridges need them."""

    def __init__(self, comment: str, run_nft: RunNft) -> None:
        """``comment`` marks our rules; only rules that carry it are ever removed."""
        self._comment = comment
        self._run_nft = run_nft
        self._accepted: dict[str, set[str]] = {family: set() for family in _PROGRAMS}
        self._seen: set[str] = set()
        self._looked_at = 0.0
        self._lock = asyncio.Lock()

    async def accept(self, bridges: Iterable[str]) -> bool:
        """Let packets to and from these bridges through where the policy would drop them.

        Returns whether such exceptions are in force and have just been looked over.
        """
        wanted = set(bridges)
        now = time.monotonic()
        if wanted <= self._seen and now - self._looked_at < _LOOK_INTERVAL_S:
            return False
        self._seen, self._looked_at = wanted, now
        async with self._lock:
            for family in _PROGRAMS:
                missing = wanted - self._accepted[family]
                if missing and self._drops(family):
                    chain = "DOCKER-USER" if self._has_chain(family, "DOCKER-USER") else "FORWARD"
                    for bridge in sorted(missing):
                        await self._insert(family, chain, bridge)
            return any(self._accepted.values())

    def forget(self) -> None:
        """Look at everything anew at the next :meth:`accept`: somebody has flushed the rules."""
        self._seen = set()
        for bridges in self._accepted.values():
            bridges.clear()

    async def withdraw(self) -> None:
        """Remove our rules, if there are any."""
        self._seen = set()
        async with self._lock:
            for family, bridges in self._accepted.items():
                if bridges:
                    await self._remove(family)

    async def withdraw_leftovers(self) -> None:
        """Remove rules that an engine left that was killed."""
        async with self._lock:
            for family in _PROGRAMS:
                if self._has_chain(family, "FORWARD"):
                    await self._remove(family)

    async def _insert(self, family: str, chain: str, bridge: str) -> None:
        mark = ("-m", "comment", "--comment", self._comment)
        for direction in ("-i", "-o"):
            rule = (chain, direction, bridge, *mark, "-j", "ACCEPT")
            status, _ = await _run(_PROGRAMS[family], "-w", "-I", *rule)
            if status != 0:
                logger.warning(
                    "the FORWARD policy of %s is drop and no exception could be added for %s: "
                    "containers there are cut off",
                    _PROGRAMS[family],
                    bridge,
                )
                return
        self._accepted[family].add(bridge)

    async def _remove(self, family: str) -> None:
        program = _PROGRAMS[family]
        _, listing = await _run(program, "-w", "-S")
        for line in listing.splitlines():
            words = [word.strip('"') for word in line.split()]
            if words[:1] == ["-A"] and self._comment in words:
                await _run(program, "-w", "-D", *words[1:])
        self._accepted[family].clear()

    def _drops(self, family: str) -> bool:
        try:
            objects = self._run_nft(f"list chain {family} filter FORWARD")
        except NftablesError:
            return False
        chains = (found.get("chain") for found in objects)
        return any(isinstance(c, dict) and c.get("policy") == "drop" for c in chains)

    def _has_chain(self, family: str, chain: str) -> bool:
        try:
            self._run_nft(f"list chain {family} filter {chain}")
        except NftablesError:
            return False
        return True


def is_docker_bridge(name: str) -> bool:
    """Tell whether a link's name is one that Docker gives its bridges."""
    return _DOCKER_BRIDGE.fullmatch(name) is not None


async def _run(*command: str) -> tuple[int, str]:
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
    except FileNotFoundError:
        return 127, ""
    output, _ = await process.communicate()
    return process.returncode or 0, output.decode(errors="replace")
