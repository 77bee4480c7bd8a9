"""SIGHUP: which changed settings are applied, and which wait for a restart."""

import json
from dataclasses import dataclass
from typing import Any, Final

from boxship.daemon.config import DaemonConfig, build_config
from boxship.daemon.options import Values
from boxship.daemon.settings import SETTINGS

_EVENT_ATTRIBUTES: Final = (
    "debug",
    "default-runtime",
    "features",
    "insecure-registries",
    "labels",
    "live-restore",
    "max-concurrent-downloads",
    "max-concurrent-uploads",
    "max-download-attempts",
    "registry-mirrors",
    "runtimes",
    "shutdown-timeout",
)
"""Settings that Docker puts into its ``daemon reload`` event."""


@dataclass(frozen=True, slots=True)
class Reload:
    """The outcome of comparing the running settings with the new ones."""

    values: Values
    config: DaemonConfig
    applied: tuple[str, ...]
    needs_restart: tuple[str, ...]

    def event_attributes(self) -> dict[str, str]:
        """Return the attributes of the ``daemon reload`` event."""
        return {name: _attribute(self.values[name]) for name in _EVENT_ATTRIBUTES}


def plan_reload(running: Values, wanted: Values) -> Reload:
    """Take the reloadable settings from ``wanted`` and keep the others as they run.

    Raises InvalidParameterError when the new values are not valid; nothing changes then.
    """
    build_config(wanted)
    changed = [setting for setting in SETTINGS if running[setting.name] != wanted[setting.name]]
    applied = tuple(setting.name for setting in changed if setting.reload)
    values = running | {name: wanted[name] for name in applied}
    needs_restart = tuple(setting.name for setting in changed if not setting.reload)
    return Reload(values, build_config(values), applied, needs_restart)


def _attribute(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return json.dumps(list(value), separators=(",", ":"))
    if isinstance(value, dict):
        return " ".join(f"{name}:{getattr(item, 'path', item)}" for name, item in value.items())
    return str(value)
