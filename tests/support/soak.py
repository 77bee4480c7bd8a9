"""How long the tests run that look for rare faults: seconds in CI, minutes by ``make soak``."""

import os
import random
from typing import Final

FACTOR: Final = float(os.environ.get("BOXSHIP_SOAK", "1"))
"""How many times longer than in CI."""


def seconds(in_ci: float) -> float:
    """Return the time that a test may take."""
    return in_ci * FACTOR


def seeded(name: str) -> random.Random:
    """Return a source of chance, whose seed is printed; BOXSHIP_SEED gives a run's seed again."""
    seed = os.environ.get("BOXSHIP_SEED") or str(random.SystemRandom().randrange(1_000_000))
    print(f"{name}: BOXSHIP_SEED={seed}")
    return random.Random(f"{name} {seed}")
