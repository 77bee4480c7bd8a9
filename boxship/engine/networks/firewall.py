"""The engine's own packet filter table: maps and sets, filled as containers come and go.

docs/networking.md draws the way of a packet through it. The rules never change; networks and
published ports are elements, so that the thousandth costs as much as the first.
"""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from boxship.engine.networks.rules import ADMIN_CHAIN, RULES, chain_rules
from boxship.linux.netlink.nftmonitor import Change, Generation, NftMonitor
from boxship.linux.nftables import Nftables, NftablesError

logger = logging.getLogger(__name__)


class Element(NamedTuple):
    """An element of one of the table's sets or maps."""

    container: str
    """Name of the set or map."""
    key: str
    value: str = ""

    def addition(self) -> str:
        """Return it as ``add element`` wants it."""
        return f"{self.key} : {self.value}" if self.value else self.key


class Firewall:
    """Keeps the table equal to what networks and containers need.

    The table exists exactly while a container is on a network: with the last one it goes.
    """

    def __init__(
        self,
        table: str,
        open_nftables: Callable[[], Nftables],
        monitor: NftMonitor | None = None,
        admin_rules: Iterable[str] = (),
    ) -> None:
        """``open_nftables`` is called in the host's namespace when the table is first needed.

        ``monitor`` hears what others do to the table; ``admin_rules`` are what the admin's chain
        begins with.
        """
        self.table = table
        self._open_nftables = open_nftables
        self._nftables: Nftables | None = None
        self._networks: dict[str, frozenset[Element]] = {}
        self._containers: dict[str, frozenset[Element]] = {}
        self._present = False
        self._heard: set[Change] = set()
        self.alarm: Callable[[], object] = lambda: None
        """Called when something was heard that :meth:`look` should see to."""
        self._monitor = monitor
        self._admin = list(admin_rules)
        self._sizes = _sizes(chain_rules(RULES.format(table=table)))

    @property
    def needed(self) -> bool:
        """Whether a container is on a network."""
        return bool(self._containers)

    @property
    def admin_rules(self) -> Sequence[str]:
        """Return what the admin's chain says."""
        return self._admin

    def set_network(self, network_id: str, elements: Iterable[Element]) -> None:
        """Put a network's elements in force. Raises NftablesError; nothing changes then."""
        self._replace(self._networks, network_id, frozenset(elements))

    def remove_network(self, network_id: str) -> None:
        """Take a network's elements out."""
        self._replace(self._networks, network_id, None)

    def set_container(self, container_id: str, elements: Iterable[Element]) -> None:
        """Put a container's published ports in force. Raises NftablesError."""
        self._replace(self._containers, container_id, frozenset(elements))

    def remove_container(self, container_id: str) -> None:
        """Take a container's published ports out; with the last container, the whole table."""
        self._replace(self._containers, container_id, None)

    def rebuild(
        self,
        networks: Mapping[str, Iterable[Element]],
        containers: Mapping[str, Iterable[Element]],
    ) -> None:
        """Make the table anew in one transaction, whatever is there: after a restart."""
        self._networks = {key: frozenset(value) for key, value in networks.items()}
        self._containers = {key: frozenset(value) for key, value in containers.items()}
        self._remember_admin_rules()
        if self._containers:
            self._create()
        else:
            self._drop()

    def look(self) -> bool:
        """Take note of what others did; repair the table. Returns whether it was damaged."""
        if self._monitor is not None:
            self._hear(self._monitor.drain())
        heard, self._heard = self._heard, set()
        return bool(heard) and self._present and self._inspect(heard)

    def close(self) -> None:
        """Close the library; the table stays for the containers that live on."""
        if self._nftables is not None:
            self._nftables.close()
            self._nftables = None

    def run(self, commands: str) -> list[dict[str, object]]:
        """Run other commands in the same context."""
        if self._nftables is None:
            self._nftables = self._open_nftables()
        if self._monitor is None:
            return self._nftables.run(commands)
        self._hear(self._monitor.drain())
        try:
            return self._nftables.run(commands)
        finally:
            # What we did ourselves is heard too: one transaction, unless others were at work.
            generations = self._monitor.drain()
            if generations is None or len(generations) > 1:
                self._hear(generations)

    def _hear(self, generations: Sequence[Generation] | None) -> None:
        """Note what others did to our table; None: something was missed."""
        before = len(self._heard)
        if generations is None:
            self._heard |= {Change.RULES, Change.LOSS}
        for generation in generations or ():
            self._heard |= {c for name, c in generation.changes if name == self.table}
        if len(self._heard) > before:
            self.alarm()

    def _inspect(self, heard: set[Change]) -> bool:
        """Make the table anew if it was damaged; the admin's rules stay as they are now."""
        rules = self._listed()
        if rules is not None:
            self._admin = rules.pop(ADMIN_CHAIN, self._admin)
        if rules is not None and Change.LOSS not in heard and _sizes(rules) == self._sizes:
            return False
        logger.warning("the nftables table %s was changed by somebody: made anew", self.table)
        self._create()
        return True

    def _listed(self) -> dict[str, list[str]] | None:
        """Return the rules of the table's chains; None when it is not there."""
        if self._nftables is None:
            self._nftables = self._open_nftables()
        try:
            return chain_rules(self._nftables.text(f"list table inet {self.table}"))
        except NftablesError:
            return None

    def _remember_admin_rules(self) -> None:
        """Take over what the admin's chain says in the table that an engine has left."""
        rules = self._listed()
        if rules is not None:
            self._admin = rules.get(ADMIN_CHAIN, self._admin)

    def _replace(
        self, group: dict[str, frozenset[Element]], key: str, wanted: frozenset[Element] | None
    ) -> None:
        before = group.get(key)
        if wanted is None:
            group.pop(key, None)
        else:
            group[key] = wanted
        try:
            self._update(before or frozenset(), wanted or frozenset())
        except BaseException:
            if before is None:
                group.pop(key, None)
            else:
                group[key] = before
            raise

    def _update(self, before: frozenset[Element], wanted: frozenset[Element]) -> None:
        if not self._containers:
            if self._present:
                self._drop()
        elif not self._present:
            self._create()
        elif before != wanted:
            try:
                self._change(before, wanted)
            except NftablesError:
                # Somebody has flushed or changed the table: all of it, then, in one transaction.
                self._create()

    def _change(self, before: frozenset[Element], wanted: frozenset[Element]) -> None:
        gone = [
            f"delete element inet {self.table} {element.container} {{ {element.key} }}"
            for element in before - wanted
        ]
        self.run("\n".join(gone + self._additions(wanted - before)))

    def _create(self) -> None:
        groups = (*self._networks.values(), *self._containers.values())
        elements = {element for group in groups for element in group}
        # Adding before deleting makes the deletion valid whether or not the table is there.
        commands = [f"add table inet {self.table}", f"delete table inet {self.table}"]
        commands.append(RULES.format(table=self.table))
        commands += [f"add rule inet {self.table} {ADMIN_CHAIN} {rule}" for rule in self._admin]
        self.run("\n".join(commands + self._additions(elements)))
        self._present = True

    def _drop(self) -> None:
        if self._present:
            self.look()
        self.run(f"add table inet {self.table}\ndelete table inet {self.table}")
        self._present = False

    def _additions(self, elements: Iterable[Element]) -> list[str]:
        """Return one command per set, since the library evaluates each command anew."""
        grouped: dict[str, list[str]] = {}
        for element in sorted(elements):
            grouped.setdefault(element.container, []).append(element.addition())
        return [
            f"add element inet {self.table} {name} {{ {', '.join(members)} }}"
            for name, members in grouped.items()
        ]


def _sizes(chains: Mapping[str, Sequence[str]]) -> dict[str, int]:
    return {name: len(rules) for name, rules in chains.items() if name != ADMIN_CHAIN}
