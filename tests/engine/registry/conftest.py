"""Registries of a test's own."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.certs import Authority
from tests.support.own_registry import OwnRegistry

StartRegistry = Callable[..., OwnRegistry]


@pytest.fixture
def start_registry(scratch: Path) -> Iterator[StartRegistry]:
    """Start a registry: ``start_registry("--read-only", directory="two", tls=authority)``."""
    started: list[OwnRegistry] = []

    def start(*arguments: str, directory: str = "one", tls: Authority | None = None) -> OwnRegistry:
        registry = OwnRegistry(scratch / directory, *arguments)
        if tls is not None:
            registry.use_tls(tls)
        registry.start()
        started.append(registry)
        return registry

    yield start
    for registry in started:
        registry.stop()
