"""The bridge driver's options: what they may say."""

import ipaddress
from collections.abc import Callable, Mapping

from boxship.engine.networks.network import (
    OPTION_BRIDGE_NAME,
    OPTION_GATEWAY_MODES,
    OPTION_HOST_BINDING,
    OPTION_ICC,
    OPTION_INHIBIT_IPV4,
    OPTION_MASQUERADE,
    GatewayMode,
    NetworkSpec,
    check_mtu,
)
from boxship.errors import InvalidParameterError

_LINK_NAME_LIMIT = 15
"""IFNAMSIZ - 1 (linux/if.h)."""
_BOOLEANS = ("1", "t", "true", "0", "f", "false")


def check_options(spec: NetworkSpec) -> None:
    """Raise InvalidParameterError for an option that cannot be, with Docker's words."""
    options = spec.options
    _check_name(options.get(OPTION_BRIDGE_NAME, ""))
    check_mtu(options)
    for name in (OPTION_ICC, OPTION_MASQUERADE, OPTION_INHIBIT_IPV4):
        _check(options, name, _boolean)
    _check(options, OPTION_HOST_BINDING, _address)
    for name in OPTION_GATEWAY_MODES.values():
        _check(options, name, _mode)
        if options.get(name) == GatewayMode.ISOLATED.value and not spec.internal:
            raise InvalidParameterError(
                f"gateway mode 'isolated' can only be used for an internal network: give "
                f"--internal too, or another {name}"
            )


def _check(options: Mapping[str, str], name: str, problem: Callable[[str], str]) -> None:
    value = options.get(name)
    if value is not None and (found := problem(value)):
        raise InvalidParameterError(f"failed to parse {name} value: {value} ({found})")


def _check_name(name: str) -> None:
    if len(name) > _LINK_NAME_LIMIT or "/" in name or " " in name:
        raise InvalidParameterError(
            f"invalid bridge name {name!r}: at most {_LINK_NAME_LIMIT} characters, "
            "no slash, no space"
        )


def _boolean(value: str) -> str:
    known = value.lower() in _BOOLEANS
    return "" if known else f'strconv.ParseBool: parsing "{value}": invalid syntax'


def _address(value: str) -> str:
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return "nil ip"
    return ""


def _mode(value: str) -> str:
    known = value in [mode.value for mode in GatewayMode]
    return "" if known else f"unknown gateway mode {value}"
