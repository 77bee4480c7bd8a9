"""A container's task as the runtime service keeps it."""

from dataclasses import dataclass

from boxship.engine.runtime.runtimes import Runtime
from boxship.engine.runtime.supervised import Supervised
from boxship.engine.runtime.task import TaskSpec


@dataclass(frozen=True, slots=True)
class Task:
    """One container that was created and not deleted yet."""

    spec: TaskSpec
    runtime: Runtime
    process: Supervised
    group: str
    """Its control group (``/parent/id``); empty when it was gone before it could be asked."""
