"""The value of ``--docker``: how a new context reaches its engine."""

import os

from boxship.cli.context.store import TLS_FILES, Context, read_tls
from boxship.cli.errors import CliError
from boxship.cli.flags import Flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

DOCKER = Flag("docker", "", "slice", "set the docker endpoint", shown="stringToString")
DESCRIPTION = Flag("description", "", "string", "Description of the context")
_KEYS = ("from", "host", *TLS_FILES, "skip-tls-verify")
_PREFIX = "unable to create docker endpoint config: "
_BOOLEANS = {"1": True, "t": True, "true": True, "0": False, "f": False, "false": False}


class EndpointSettings:
    """A host, and the certificates for it by file name."""

    __slots__ = ("host", "skip_tls_verify", "tls")

    def __init__(self, host: str, tls: dict[str, bytes], *, skip_tls_verify: bool) -> None:
        self.host = host
        self.tls = tls
        self.skip_tls_verify = skip_tls_verify


def read(items: list[str], load: "Callable[[str], Context]") -> EndpointSettings:
    """Read ``host=…``, ``ca=…``, ``cert=…``, ``key=…``, ``skip-tls-verify=…`` or ``from=…``.

    load: finds the context that ``from`` names. Raises CliError.
    """
    given = _split(items)
    if "from" in given:
        context = load(given["from"])
        tls = read_tls(context)
        return EndpointSettings(context.host, tls, skip_tls_verify=context.skip_tls_verify)
    skip = given.get("skip-tls-verify", "false").lower()
    if skip not in _BOOLEANS:
        raise CliError(f'{_PREFIX}skip-tls-verify: invalid value "{skip}": use true or false')
    tls = {TLS_FILES[key]: _read_file(given[key]) for key in TLS_FILES if given.get(key)}
    return EndpointSettings(given.get("host", ""), tls, skip_tls_verify=_BOOLEANS[skip])


def _split(items: list[str]) -> dict[str, str]:
    given = {}
    for item in items:
        key, separator, value = item.partition("=")
        if not separator:
            raise CliError(f"{item} must be formatted as key=value")
        if key not in _KEYS:
            raise CliError(f"{_PREFIX}unrecognized config key: {key}")
        given[key] = value
    return given


def _read_file(path: str) -> bytes:
    try:
        with open(os.path.expanduser(path), "rb") as file:
            return file.read()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise CliError(f"{_PREFIX}open {path}: {reason}") from error
