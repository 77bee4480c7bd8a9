"""The log drivers by name."""

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from boxship.engine.logs.drivers import fluentd, gelf, journald, jsonfile, syslog
from boxship.engine.logs.drivers.driver import LogDriver, LogInfo, check_common
from boxship.engine.logs.limits import log_limits
from boxship.errors import InternalError, InvalidParameterError


class _Kind(NamedTuple):
    options: frozenset[str]
    check: Callable[[Mapping[str, str]], None]
    open: Callable[[LogInfo], LogDriver]


_FORWARDING: Final[dict[str, _Kind]] = {
    "fluentd": _Kind(fluentd.OPTIONS, fluentd.check, fluentd.Fluentd),
    "gelf": _Kind(gelf.OPTIONS, gelf.check, gelf.Gelf),
    "journald": _Kind(journald.OPTIONS, lambda _: None, journald.Journald),
    "json-file": _Kind(jsonfile.OPTIONS, jsonfile.check, jsonfile.JsonFile),
    "syslog": _Kind(syslog.OPTIONS, syslog.check, syslog.Syslog),
}
LOG_DRIVERS: Final = tuple(sorted((*_FORWARDING, "local", "none")))
"""``local`` is the log that conmon writes, read back directly; ``none`` keeps nothing."""


def forwards(driver: str) -> bool:
    """Tell whether a driver brings the records to yet another place."""
    return driver in _FORWARDING


def check_driver(driver: str, options: Mapping[str, str]) -> None:
    """Raise InvalidParameterError for a driver that does not exist or a bad option."""
    if driver not in LOG_DRIVERS:
        raise InvalidParameterError(f"logger: no log driver named '{driver}' is registered")
    kind = _FORWARDING.get(driver)
    allowed = frozenset({"compress"}) if kind is None else kind.options
    check_common(driver, allowed, options)
    log_limits(options)
    if kind is not None:
        kind.check(options)


def open_driver(driver: str, info: LogInfo) -> LogDriver:
    """Open a driver that forwards. Raises InternalError where it cannot begin. [blocking]"""
    try:
        return _FORWARDING[driver].open(info)
    except OSError as error:
        reason = error.strerror or str(error)
        raise InternalError(f"failed to initialize logging driver: {reason}") from error
