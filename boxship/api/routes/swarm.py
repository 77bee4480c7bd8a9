"""``/swarm`` and what belongs to it: the answers of a node that is in no swarm.

Clients ask before they do anything else, and go on without a swarm when they are told so (moby,
``daemon/cluster``: errNoManager, errNoSwarm). ``GET /info`` says ``inactive``.
"""

from typing import TYPE_CHECKING, NoReturn

from boxship.api.request import Request
from boxship.errors import NotSupportedError, UnavailableError

if TYPE_CHECKING:
    from boxship.engine import Engine

_NO_MANAGER = (
    'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" '
    "to connect this node to swarm and try again."
)


async def manager_needed(_request: Request, _engine: "Engine") -> NoReturn:
    """Refuse what only a manager can answer."""
    raise UnavailableError(_NO_MANAGER)


swarm_inspect = swarm_update = swarm_unlock_key = manager_needed
node_list = node_inspect = node_delete = node_update = manager_needed
service_list = service_create = service_inspect = service_delete = service_update = service_logs = (
    manager_needed
)
task_list = task_inspect = task_logs = manager_needed
secret_list = secret_create = secret_inspect = secret_delete = secret_update = manager_needed
config_list = config_create = config_inspect = config_delete = config_update = manager_needed


async def swarm_leave(_request: Request, _engine: "Engine") -> NoReturn:
    """Refuse to leave: this node is in no swarm."""
    raise UnavailableError("This node is not part of a swarm")


async def swarm_unlock(_request: Request, _engine: "Engine") -> NoReturn:
    """Refuse to unlock: this node is in no swarm."""
    raise UnavailableError("This node is not part of a swarm")


async def swarm_init(_request: Request, _engine: "Engine") -> NoReturn:
    """Refuse to make a swarm."""
    raise _not_supported()


async def swarm_join(_request: Request, _engine: "Engine") -> NoReturn:
    """Refuse to join a swarm."""
    raise _not_supported()


def _not_supported() -> NotSupportedError:
    return NotSupportedError(
        "this engine cannot be a node of a swarm: it runs the containers of one machine"
    )
