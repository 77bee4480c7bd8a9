"""Who may import whom: the picture of docs/ARCHITECTURE.md as data.

FLOORS runs from the ground up: a package may import its own floor and those below. Elsewhere are
packages that stand beside the house and may import only what is listed.
"""

FLOORS: tuple[tuple[str, ...], ...] = (
    (
        "boxship.errors",
        "boxship.gotemplate",
        "boxship.ids",
        "boxship.names",
        "boxship.oci",
        "boxship.reference",
        "boxship.units",
        "boxship.linux",
        "boxship.wire",
    ),
    ("boxship.engine.config", "boxship.engine.state"),
    ("boxship.engine.events",),
    (
        "boxship.engine.logs",
        "boxship.engine.plugins",
        "boxship.engine.registry",
        "boxship.engine.security",
        "boxship.engine.storage",
    ),
    (
        "boxship.engine.images",
        "boxship.engine.networks",
        "boxship.engine.runtime",
        "boxship.engine.volumes",
    ),
    ("boxship.engine.containers",),
    ("boxship.engine.build",),
    ("boxship.engine",),
    ("boxship.api",),
    ("boxship.daemon",),
)

GROUND = FLOORS[0]

ELSEWHERE: dict[str, tuple[str, ...]] = {
    "boxship.client": GROUND,
    "boxship.cli": (*GROUND, "boxship.client"),
}

ROOTS = ("boxship.entrypoints",)
"""Composition roots: they may import everything, and nothing may import them."""

HOT_COMMANDS = ("version", "run", "exec", "ps", "start", "stop", "rm", "kill", "create", "inspect")
"""Commands whose start-up is measured; the import budget binds them."""

HEAVY_MODULES = (
    "argparse",
    "asyncio",
    "boxship.engine",
    "dataclasses",
    "http.client",
    "inspect",
    "msgspec",
    "ssl",
    "typing",
    "urllib.request",
)
"""Modules that a hot command must not import."""

MAX_MODULES = 110
"""How many modules (the interpreter's own included) a hot command may import."""
