"""``--publish`` and ``--expose``: ``[[ip:][hostPort]:]containerPort[/protocol]``, with ranges."""

from boxship.cli.errors import CliError

TYPE_CHECKING = False
if TYPE_CHECKING:
    Binding = dict[str, str]

_PROTOCOLS = ("tcp", "udp", "sctp")


class PortSpec:
    """What the flags say: ports of the container, and where each is published."""

    __slots__ = ("bindings", "exposed")

    def __init__(self) -> None:
        self.exposed: dict[str, dict[str, str]] = {}
        self.bindings: dict[str, list[Binding]] = {}

    def publish(self, text: str) -> None:
        """Add one ``--publish``, short or long form. Raises CliError."""
        if "=" in text:
            text = _from_long_form(text)
        address, host, container, protocol = _split(text)
        first, last = _range(container, "containerPort")
        host_first, host_last = _range(host, "hostPort") if host else (0, 0)
        same_size = host_last - host_first == last - first
        if host and not same_size and first != last:
            raise CliError(
                f"invalid ranges specified for container and host Ports: {container} and {host}",
                125,
            )
        for port in range(first, last + 1):
            if not host:
                host_port = ""
            elif same_size:
                host_port = str(host_first + port - first)
            else:  # one container port, any free port of a range
                host_port = f"{host_first}-{host_last}"
            key = f"{port}/{protocol}"
            self.exposed[key] = {}
            binding = {"HostIp": address, "HostPort": host_port}
            self.bindings.setdefault(key, []).append(binding)

    def expose(self, text: str) -> None:
        """Add one ``--expose``. Raises CliError."""
        if ":" in text:
            raise CliError(f"invalid port format for --expose: {text}", 125)
        ports, _, protocol = text.partition("/")
        protocol = (protocol or "tcp").lower()
        try:
            first, last = _range(ports, "port")
        except CliError as error:
            reason = f"invalid range format for --expose: {text}, error: {error}"
            raise CliError(reason, 125) from None
        for port in range(first, last + 1):
            self.exposed[f"{port}/{protocol}"] = {}


def _from_long_form(text: str) -> str:
    """``target=80,published=8080,protocol=tcp`` as the short form."""
    fields = dict(item.partition("=")[::2] for item in text.split(","))
    unknown = set(fields) - {"target", "published", "protocol", "mode"}
    if unknown:
        raise CliError(f"invalid field key {min(unknown)}", 125)
    short = f"{fields.get('published', '')}:{fields.get('target', '')}"
    return f"{short.removeprefix(':')}/{fields.get('protocol') or 'tcp'}"


def _split(text: str) -> tuple[str, str, str, str]:
    """Address, host port, container port, protocol; the first two may be empty."""
    rest, slash, protocol = text.rpartition("/")
    if not slash:
        rest, protocol = text, "tcp"
    protocol = protocol.lower()
    if protocol not in _PROTOCOLS:
        raise CliError(f"invalid proto: {protocol}", 125)
    head, _, container = rest.rpartition(":")
    address, _, host = head.rpartition(":")
    if address:
        address = _address(address)
    if not container:
        raise CliError(f"no port specified: {text}<empty>", 125)
    return address, host, container, protocol


def _address(text: str) -> str:
    """An IP address without brackets. Raises CliError."""
    import _socket

    bare = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    family = _socket.AF_INET6 if ":" in bare else _socket.AF_INET
    try:
        _socket.inet_pton(family, bare)
    except (OSError, ValueError):
        raise CliError(f"invalid IP address: {text}", 125) from None
    return bare


def _range(text: str, what: str) -> tuple[int, int]:
    """``8000`` or ``8000-8010``. Raises CliError in Docker's words."""
    first_text, dash, last_text = text.partition("-")
    first, last = _port(first_text), _port(last_text) if dash else _port(first_text)
    if first is None or last is None or first > last:
        raise CliError(f"invalid {what}: {text}", 125)
    return first, last


def _port(text: str) -> int | None:
    number = int(text) if text.isascii() and text.isdecimal() else -1
    return number if 0 <= number <= 65535 else None
