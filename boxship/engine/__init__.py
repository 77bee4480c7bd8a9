"""The container engine as a library: ``engine = await Engine.open(EngineConfig(...))``."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from boxship.engine.engine import Engine

__all__ = ["Engine"]


def __getattr__(name: str) -> object:
    """Load the engine when it is asked for: its parts are importable without the whole."""
    if name == "Engine":
        from boxship.engine.engine import Engine

        return Engine
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
