"""A node that is in no swarm says so, in Docker's words."""

import pytest

from tests.support.cli import Cli


@pytest.mark.parametrize("kind", ["node", "service", "secret", "config"])
def test_what_needs_a_manager(docker: Cli, kind: str) -> None:
    assert "This node is not a swarm manager." in docker.fails(kind, "ls")
    assert "This node is not a swarm manager." in docker.fails(kind, "rm", "one")


def test_swarms_are_neither_left_nor_made(docker: Cli) -> None:
    assert "This node is not part of a swarm" in docker.fails("swarm", "leave")
    assert "cannot be a node of a swarm" in docker.fails("swarm", "init")
    assert docker("info", "-f", "{{.Swarm.LocalNodeState}}") == "inactive"
