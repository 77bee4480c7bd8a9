"""The plugins of this host: found when they are asked for, activated once."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from boxship.engine.plugins import discovery
from boxship.engine.plugins.channel import Channel
from boxship.engine.plugins.plugin import PluginError, PluginNotFoundError

CALL_TIMEOUT_S = 60.0
LONG_TIMEOUT_S = 120.0
"""For what may take its time: creating, mounting (Docker's own limits)."""
PATIENCE_S = 5.0
"""How long a plugin that does not listen, as while it starts anew, is tried again."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long plugins may take, in seconds."""

    call_s: float = CALL_TIMEOUT_S
    long_s: float = LONG_TIMEOUT_S
    patience_s: float = PATIENCE_S


class Plugin:
    """A plugin that was found and activated."""

    def __init__(self, name: str, channel: Channel, timeouts: Timeouts) -> None:
        self.name = name
        self._channel = channel
        self._timeouts = timeouts

    def call(self, method: str, body: object = None, *, long: bool = False) -> dict[str, Any]:
        """Call a method. Raises PluginError. [blocking]"""
        limit = self._timeouts.long_s if long else self._timeouts.call_s
        return self._channel.call(method, {} if body is None else body, limit)


class PluginRegistry:
    """Finds plugins below some directories. Safe from several threads."""

    def __init__(
        self,
        sockets: Sequence[Path] = (discovery.SOCKET_DIRECTORY,),
        specs: Sequence[Path] = discovery.SPEC_DIRECTORIES,
        timeouts: Timeouts | None = None,
    ) -> None:
        self._sockets = tuple(sockets)
        self._specs = tuple(specs)
        self._timeouts = timeouts or Timeouts()
        self._lock = threading.Lock()
        self._active: dict[tuple[str, str], Plugin] = {}

    def get(self, name: str, kind: str) -> Plugin:
        """Return the plugin of that name that implements ``kind``, such as ``VolumeDriver``.

        It is activated at its first use, and again when it has moved. Raises PluginNotFoundError,
        PluginError. [blocking]
        """
        address = discovery.find(name, self._sockets, self._specs)
        with self._lock:
            plugin = self._active.get((kind, address.url))
        if plugin is not None:
            return plugin
        channel = Channel(address, self._timeouts.patience_s)
        answer = channel.call("Plugin.Activate", {}, self._timeouts.call_s)
        kinds = answer.get("Implements")
        if not isinstance(kinds, list):
            raise PluginError(f"Plugin.Activate: plugin {name} does not say what it implements")
        if kind not in kinds:
            raise PluginNotFoundError(
                f'plugin "{name}" does not implement {kind}, but {", ".join(map(str, kinds))}'
            )
        plugin = Plugin(name, channel, self._timeouts)
        with self._lock:
            return self._active.setdefault((kind, address.url), plugin)

    def names(self) -> tuple[str, ...]:
        """Return the names of all plugins that can be seen, of whatever kind. [blocking]"""
        return tuple(discovery.names(self._sockets, self._specs))
