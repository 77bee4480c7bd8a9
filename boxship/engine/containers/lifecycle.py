"""The state machine of a container: one table of what each verb does in each state.

The words of refusals are Docker's: clients match them.
"""

from typing import NamedTuple

from boxship.engine.containers.container import Container, Status
from boxship.errors import BoxshipError, ConflictError, NotModifiedError


class Refusal(NamedTuple):
    """Why a verb is not possible in a state; ``{id}`` and ``{name}`` are filled in."""

    error: type[BoxshipError]
    message: str


_ALREADY = Refusal(NotModifiedError, "container {id} is already in this state")
_NOT_RUNNING = Refusal(ConflictError, "container {id} is not running")
_RESTARTING = Refusal(
    ConflictError, "Container {id} is restarting, wait until the container is running"
)
_MARKED = Refusal(ConflictError, "container is marked for removal and cannot be started")
_REMOVING = Refusal(ConflictError, "removal of container {id} is already in progress")
_KILL = Refusal(ConflictError, "cannot kill container: {name}: container {id} is not running")


def _removal_refusal(state: str) -> Refusal:
    return Refusal(
        ConflictError,
        f'cannot remove container "{{name}}": container is {state}: '
        "stop the container before removing or force remove",
    )


TABLE: dict[str, dict[Status, Status | Refusal]] = {
    "start": {
        Status.CREATED: Status.RUNNING,
        Status.EXITED: Status.RUNNING,
        Status.RESTARTING: Status.RUNNING,
        Status.RUNNING: _ALREADY,
        Status.PAUSED: Refusal(
            ConflictError, "cannot start a paused container, try unpause instead"
        ),
        Status.REMOVING: _MARKED,
        Status.DEAD: _MARKED,
    },
    "stop": {
        Status.RUNNING: Status.EXITED,
        Status.PAUSED: Status.EXITED,
        Status.RESTARTING: Status.EXITED,
        Status.CREATED: _ALREADY,
        Status.EXITED: _ALREADY,
        Status.REMOVING: _ALREADY,
        Status.DEAD: _ALREADY,
    },
    "kill": {
        Status.RUNNING: Status.RUNNING,
        Status.PAUSED: Status.PAUSED,
        Status.RESTARTING: Status.RESTARTING,
        Status.CREATED: _KILL,
        Status.EXITED: _KILL,
        Status.REMOVING: _KILL,
        Status.DEAD: _KILL,
    },
    "pause": {
        Status.RUNNING: Status.PAUSED,
        Status.PAUSED: Refusal(ConflictError, "container {id} is already paused"),
        Status.RESTARTING: _RESTARTING,
        Status.CREATED: _NOT_RUNNING,
        Status.EXITED: _NOT_RUNNING,
        Status.REMOVING: _NOT_RUNNING,
        Status.DEAD: _NOT_RUNNING,
    },
    "unpause": {
        Status.PAUSED: Status.RUNNING,
        **dict.fromkeys(
            set(Status) - {Status.PAUSED}, Refusal(ConflictError, "container {id} is not paused")
        ),
    },
    "exec": {
        Status.RUNNING: Status.RUNNING,
        Status.PAUSED: Refusal(
            ConflictError, "container {id} is paused, unpause the container before exec"
        ),
        Status.RESTARTING: _RESTARTING,
        Status.CREATED: _NOT_RUNNING,
        Status.EXITED: _NOT_RUNNING,
        Status.REMOVING: _NOT_RUNNING,
        Status.DEAD: _NOT_RUNNING,
    },
    "attach": {
        **{status: status for status in Status},
        Status.PAUSED: Refusal(
            ConflictError, "container {id} is paused, unpause the container before attach"
        ),
        Status.RESTARTING: _RESTARTING,
        Status.REMOVING: _REMOVING,
    },
    "remove": {
        Status.CREATED: Status.REMOVING,
        Status.EXITED: Status.REMOVING,
        Status.DEAD: Status.REMOVING,
        Status.RUNNING: _removal_refusal("running"),
        Status.PAUSED: _removal_refusal("paused"),
        Status.RESTARTING: _removal_refusal("restarting"),
        Status.REMOVING: _REMOVING,
    },
}


def next_status(verb: str, container: Container) -> Status:
    """Return the state that ``verb`` leads to.

    Raises the table's refusal, in Docker's words, where the verb is not possible.
    """
    step = TABLE[verb][container.state.status]
    if isinstance(step, Refusal):
        raise step.error(step.message.format(id=container.id, name=container.name))
    return step


def is_alive(status: Status) -> bool:
    """Tell whether a process of the container exists."""
    return status in (Status.RUNNING, Status.PAUSED)
