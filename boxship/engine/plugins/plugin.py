"""What is known of a plugin."""

from dataclasses import dataclass

from boxship.errors import InternalError, NotFoundError


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginTls:
    """Files by which a plugin at a TCP address is known, as in a ``.json`` of Docker."""

    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""
    skip_verify: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginAddress:
    """Where a plugin listens."""

    name: str
    url: str
    """``unix:///path``, ``tcp://host:port``, ``http://…`` or ``https://…``."""
    tls: PluginTls | None = None


class PluginNotFoundError(NotFoundError):
    """No plugin of that name is there, or it does not do what is asked for."""


class PluginError(InternalError):
    """A plugin answered with an error, with nonsense, or not at all."""
