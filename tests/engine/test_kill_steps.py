"""The engine dies at any of its own steps; the next one explains what it finds and goes on."""

import random
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import isolation
from tests.support.registry import Registry

KILLS = 40
IMAGE_KILLS = 20


@pytest.mark.timeout(300)
def test_a_container_s_life_is_cut_off_anywhere(scratch: Path, registry: Registry) -> None:
    seed = random.SystemRandom().randrange(1_000_000)
    arguments = [scratch, registry.url, isolation.CGROUP_PARENT, KILLS, seed]
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.lifekills", *map(str, arguments)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, f"seed {seed}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"


@pytest.mark.timeout(300)
def test_the_life_of_images_is_cut_off_anywhere(scratch: Path, registry: Registry) -> None:
    seed = random.SystemRandom().randrange(1_000_000)
    arguments = [scratch, registry.url, IMAGE_KILLS, seed]
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.imagekills", *map(str, arguments)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, f"seed {seed}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
