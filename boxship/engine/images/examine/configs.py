"""What differs between two images' configurations, field by field."""

from collections.abc import Mapping
from typing import Any

import msgspec

from boxship.engine.images.examine.report import FieldDifference
from boxship.oci.image import ImageConfig

_LEFT_OUT = frozenset({"rootfs", "history", "config", "container", "container_config"})
"""Layers are compared by themselves; what container an image came from says nothing of it."""


def compare_configs(before: ImageConfig, after: ImageConfig) -> tuple[FieldDifference, ...]:
    """Return the fields that are not the same, in order of their names."""
    old, new = _flat(before), _flat(after)
    return tuple(
        FieldDifference(field=name, before=old.get(name), after=new.get(name))
        for name in sorted(old.keys() | new.keys())
        if old.get(name) != new.get(name)
    )


def _flat(config: ImageConfig) -> dict[str, str]:
    """``Env.PATH`` → its value, ``Cmd`` → its JSON, ``architecture`` → as it is."""
    document = msgspec.to_builtins(config)
    fields = {name: _shown(value) for name, value in document.items() if name not in _LEFT_OUT}
    for name, value in document.get("config", {}).items():
        if name == "Env":
            fields |= {f"Env.{key}": text for key, text in _environment(value).items()}
        elif isinstance(value, dict):
            fields |= _members(name, value)
        else:
            fields[name] = _shown(value)
    return fields


def _members(name: str, table: Mapping[str, Any]) -> dict[str, str]:
    """Name each member; the empty objects of Docker's sets stand for themselves."""
    return {f"{name}.{key}": key if value == {} else _shown(value) for key, value in table.items()}


def _environment(entries: list[str]) -> dict[str, str]:
    return {key: value for key, _, value in (entry.partition("=") for entry in entries)}


def _shown(value: object) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
