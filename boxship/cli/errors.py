"""Errors of the command line itself, and what they print."""

from boxship.errors import BoxshipError

EXIT_USAGE = 125
"""Docker's exit code for a bad flag, and for what ``run`` could not start."""


class CliError(BoxshipError):
    """Printed as it is; ``code``: the exit code."""

    def __init__(self, message: str, code: int = 1) -> None:
        super().__init__(message)
        self.code = code


class UsageError(CliError):
    """A bad flag or argument: the message is followed by the command's usage line."""
