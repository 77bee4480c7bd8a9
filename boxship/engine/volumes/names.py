"""Which names volumes may have, in Docker's words."""

import re

from boxship.errors import InvalidParameterError

_PATTERN = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+", re.ASCII)
_MAX_BYTES = 255
"""The name is also that of a directory."""


def check_name(name: str) -> None:
    """Raise InvalidParameterError for a name that a local volume cannot have."""
    if len(name) == 1:
        raise InvalidParameterError(
            f"create {name}: volume name is too short, names should be at least two "
            "alphanumeric characters"
        )
    if not _PATTERN.fullmatch(name):
        raise InvalidParameterError(
            f'create {name}: "{name}" includes invalid characters for a local volume name, only '
            '"[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, '
            "use absolute path"
        )
    if len(name) > _MAX_BYTES:
        raise InvalidParameterError(
            f"create {name[:40]}…: a volume name has at most {_MAX_BYTES} characters"
        )
