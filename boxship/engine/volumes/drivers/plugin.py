"""Volumes of plugins: Docker's ``VolumeDriver`` protocol.

What a plugin answers is checked: a place that is none, or that is not on this host, is its error
and never becomes a mount. All methods block and belong into a worker thread.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from boxship.engine.plugins.plugin import PluginError, PluginNotFoundError
from boxship.engine.plugins.registry import Plugin, PluginRegistry
from boxship.errors import NotFoundError

_KIND = "VolumeDriver"


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginVolume:
    """What a plugin says of a volume."""

    mountpoint: str = ""
    """Where it is on the host; empty while it is mounted nowhere."""
    status: Mapping[str, Any] = field(default_factory=dict)


class PluginDriver:
    """All plugins as one driver; each method is told the plugin's name."""

    def __init__(self, plugins: PluginRegistry) -> None:
        self._plugins = plugins

    def create(self, driver: str, name: str, options: Mapping[str, str]) -> None:
        """Have the plugin make a volume, unless it has one of that name already."""
        plugin = self._plugin(driver)
        if not self._has(plugin, name):
            plugin.call(f"{_KIND}.Create", {"Name": name, "Opts": dict(options)}, long=True)

    def remove(self, driver: str, name: str) -> None:
        """Have the plugin remove a volume."""
        self._plugin(driver).call(f"{_KIND}.Remove", {"Name": name}, long=True)

    def get(self, driver: str, name: str) -> PluginVolume:
        """Return what the plugin says now."""
        found = self._plugin(driver).call(f"{_KIND}.Get", {"Name": name}).get("Volume")
        if not isinstance(found, dict):
            raise NotFoundError(f"get {name}: no such volume")
        if found.get("Name", name) != name:
            raise PluginError(
                f"{_KIND}.Get: plugin {driver} was asked for {name} and tells of {found['Name']}"
            )
        status = found.get("Status")
        return PluginVolume(
            mountpoint=_text(found.get("Mountpoint")),
            status=status if isinstance(status, dict) else {},
        )

    def scope(self, driver: str) -> str:
        """Return ``local`` or ``global``; plugins without the method are local."""
        try:
            answer = self._plugin(driver).call(f"{_KIND}.Capabilities")
        except PluginError:
            return "local"
        capabilities = answer.get("Capabilities")
        scope = capabilities.get("Scope") if isinstance(capabilities, dict) else None
        return "global" if isinstance(scope, str) and scope.lower() == "global" else "local"

    def mount(self, driver: str, name: str, user: str) -> Path:
        """Have the plugin mount a volume for a user; return the directory, which is one."""
        request = {"Name": name, "ID": user}
        answer = self._plugin(driver).call(f"{_KIND}.Mount", request, long=True)
        said = _text(answer.get("Mountpoint"))
        try:
            return _directory(driver, name, said)
        except PluginError:
            self.unmount(driver, name, user)
            raise

    def unmount(self, driver: str, name: str, user: str) -> None:
        """Have the plugin undo ``mount`` for a user."""
        self._plugin(driver).call(f"{_KIND}.Unmount", {"Name": name, "ID": user})

    def _plugin(self, name: str) -> Plugin:
        try:
            return self._plugins.get(name, _KIND)
        except PluginNotFoundError as error:
            raise NotFoundError(f"error looking up volume plugin {name}: {error}") from error

    def _has(self, plugin: Plugin, name: str) -> bool:
        try:
            found = plugin.call(f"{_KIND}.Get", {"Name": name}).get("Volume")
        except PluginError:  # most plugins answer an unknown name with an error
            return False
        return isinstance(found, dict) and found.get("Name") == name


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _directory(driver: str, name: str, said: str) -> Path:
    if os.path.isabs(said) and "\0" not in said and os.path.isdir(said):
        real = os.path.realpath(said)
        if real != "/":
            return Path(real)
    raise PluginError(
        f"{_KIND}.Mount: plugin {driver} says that volume {name} is at '{said}', which is no "
        "directory that can be mounted"
    )
