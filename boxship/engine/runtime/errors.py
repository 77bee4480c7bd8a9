"""Why a task could not be created or started."""

from boxship.errors import InternalError, InvalidParameterError


class CommandError(InvalidParameterError):
    """The command cannot be executed; ``exit_code`` is what a shell would report."""

    exit_code = 126


class CommandNotFoundError(CommandError):
    """There is no such command in the container."""

    exit_code = 127


class CommandNotExecutableError(CommandError):
    """The command is there but cannot be executed."""

    exit_code = 126


class RuntimeFailedError(InternalError):
    """The OCI runtime refused for a reason that is not the command's."""

    exit_code = 125
