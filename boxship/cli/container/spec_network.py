"""``--network`` and the flags around it: NetworkMode and NetworkingConfig."""

from boxship.cli.container.spec_files import usage_error
from boxship.cli.container.spec_mounts import split_csv
from boxship.cli.errors import CliError
from boxship.cli.flags import Flags

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Endpoint = dict[str, Any]

_PREDEFINED = ("default", "bridge", "host", "none")
_KEYS = ("name", "alias", "ip", "ip6", "mac-address", "link-local-ip", "driver-opt", "gw-priority")


class Attachment:
    """One network to connect to."""

    __slots__ = ("aliases", "gw_priority", "ip", "ip6", "link_local", "mac", "name", "options")

    def __init__(self, name: str) -> None:
        self.name = name
        self.aliases: list[str] = []
        self.ip = ""
        self.ip6 = ""
        self.link_local: list[str] = []
        self.mac = ""
        self.options: dict[str, str] = {}
        self.gw_priority = 0

    @property
    def is_user_defined(self) -> bool:
        """Whether the network is one that a user made."""
        return self.name not in _PREDEFINED and not self.name.startswith("container:")

    def endpoint(self, links: list[str]) -> "Endpoint":
        """The API's EndpointSettings, empty settings left out."""
        addresses: dict[str, Any] = {"IPv4Address": self.ip, "IPv6Address": self.ip6}
        addresses["LinkLocalIPs"] = self.link_local
        settings = {
            "IPAMConfig": {key: value for key, value in addresses.items() if value},
            "Links": links if self.is_user_defined else [],
            "Aliases": self.aliases,
            "MacAddress": self.mac,
            "DriverOpts": self.options,
            "GwPriority": self.gw_priority,
        }
        return {key: value for key, value in settings.items() if value}


def read_attachments(flags: Flags) -> list[Attachment]:
    """All networks that the flags name; the single-network flags belong to the first."""
    texts = flags.items("network") or flags.items("net")
    attachments = [_read(text) for text in texts] or [Attachment("default")]
    names = [item.name for item in attachments]
    for item in attachments:
        if len(attachments) > 1 and item.name in ("host", "none"):
            raise CliError(
                "conflicting options: cannot attach both user-defined and "
                "non-user-defined network-modes",
                125,
            )
        if names.count(item.name) > 1:
            raise CliError(f'network "{item.name}" is specified multiple times', 125)
    _apply_flags(attachments[0], flags)
    for item in attachments:
        _check(item)
    return attachments


def _read(text: str) -> Attachment:
    if "=" not in text:
        return Attachment(text)
    attachment = Attachment("")
    for field in split_csv(text):
        key, _, value = field.partition("=")
        key = key.strip().lower()
        if key not in _KEYS:
            raise usage_error(text, "--network", f"invalid field key {key}")
        _set(attachment, key, value.strip(), text)
    if not attachment.name:
        raise usage_error(text, "--network", "network name/id is not specified")
    return attachment


def _set(attachment: Attachment, key: str, value: str, text: str) -> None:
    if key == "alias":
        attachment.aliases.append(value)
    elif key == "link-local-ip":
        attachment.link_local.append(value)
    elif key == "driver-opt":
        name, _, setting = value.partition("=")
        attachment.options[name.lower()] = setting
    elif key == "gw-priority":
        if not value.lstrip("-").isdecimal():
            reason = f"invalid gw-priority ({value}): invalid syntax"
            raise usage_error(text, "--network", reason)
        attachment.gw_priority = int(value)
    else:
        setattr(attachment, "mac" if key == "mac-address" else key, value)


def _apply_flags(first: Attachment, flags: Flags) -> None:
    aliases = flags.items("network-alias") + flags.items("net-alias")
    conflicts = (
        ("alias", bool(aliases and first.aliases)),
        ("ip", bool(flags.text("ip") and first.ip)),
        ("ip6", bool(flags.text("ip6") and first.ip6)),
        ("mac-address", bool(flags.text("mac-address") and first.mac)),
        ("link-local-ip", bool(flags.items("link-local-ip") and first.link_local)),
    )
    for name, conflict in conflicts:
        if conflict:
            flag = "network-alias" if name == "alias" else name
            raise CliError(
                f"conflicting options: cannot specify both --{flag} and per-network {name}", 125
            )
    first.aliases = first.aliases or aliases
    first.ip = first.ip or flags.text("ip")
    first.ip6 = first.ip6 or flags.text("ip6")
    first.mac = first.mac or flags.text("mac-address")
    first.link_local = first.link_local or flags.items("link-local-ip")


def _check(item: Attachment) -> None:
    if item.is_user_defined:
        return
    if item.aliases:
        raise CliError("network-scoped aliases are only supported for user-defined networks", 125)


def networking_config(attachments: list[Attachment], links: list[str]) -> "dict[str, Endpoint]":
    """EndpointsConfig: what create connects; nothing for ``host`` and the like alone."""
    return {
        item.name: item.endpoint(links if item is attachments[0] else [])
        for item in attachments
        if not item.name.startswith("container:")
    }
