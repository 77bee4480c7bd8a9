"""Where an engine listens: the value of ``--host`` taken apart, and TLS material."""

from boxship.errors import InvalidParameterError

DEFAULT_HOST = "unix:///run/boxship/boxship.sock"
PLAIN_PORT = 2375
TLS_PORT = 2376


class TlsConfig:
    """Files for a TLS connection (PEM). ca empty: the system's authorities are trusted.

    verify: check the server's certificate and name; without it the connection is only encrypted.
    """

    __slots__ = ("ca", "cert", "key", "verify")

    def __init__(self, ca: str, cert: str, key: str, *, verify: bool) -> None:
        self.ca = ca
        self.cert = cert
        self.key = key
        self.verify = verify


class Endpoint:
    """One engine's address.

    scheme: unix, tcp or ssh. address: socket path, or host name (for ssh ``[user@]host``).
    port: 0 for unix, and for ssh's own default. base_path: prefix of every URL path (tcp only).
    """

    __slots__ = ("address", "base_path", "port", "scheme", "tls", "url")

    def __init__(
        self, url: str, scheme: str, address: str, port: int = 0, base_path: str = ""
    ) -> None:
        self.url = url
        self.scheme = scheme
        self.address = address
        self.port = port
        self.base_path = base_path
        self.tls: TlsConfig | None = None

    @property
    def http_host(self) -> str:
        """The Host header field; clients of a unix socket send a placeholder."""
        if self.scheme != "tcp":
            return "api.boxship"
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"{host}:{self.port}"


def parse_endpoint(url: str, tls: TlsConfig | None = None) -> Endpoint:
    """Read ``unix:///path``, ``tcp://host[:port]``, ``http(s)://…``, ``ssh://[user@]host[:port]``
    or ``host:port``. Raises InvalidParameterError.
    """
    scheme, separator, rest = url.strip().partition("://")
    if not separator:
        scheme, rest = "tcp", scheme
    if scheme == "unix":
        return Endpoint(url, "unix", rest or DEFAULT_HOST.partition("://")[2])
    if scheme == "ssh":
        host, port, _ = _split_authority(url, rest, 0)
        return Endpoint(url, "ssh", host, port)
    if scheme not in ("tcp", "http", "https"):
        raise InvalidParameterError(
            f"unable to parse docker host `{url}`: use unix://, tcp:// or ssh://"
        )
    if scheme == "https" and tls is None:
        tls = TlsConfig("", "", "", verify=True)
    endpoint = Endpoint(url, "tcp", *_split_authority(url, rest, TLS_PORT if tls else PLAIN_PORT))
    endpoint.tls = tls
    return endpoint


def _split_authority(url: str, text: str, default_port: int) -> tuple[str, int, str]:
    authority, slash, path = text.partition("/")
    if authority.startswith("["):
        host, _, port_text = authority[1:].partition("]")
        port_text = port_text.removeprefix(":")
    else:
        host, _, port_text = authority.rpartition(":") if ":" in authority else (authority, "", "")
    if port_text and not port_text.isdecimal():
        raise InvalidParameterError(f"invalid port in host `{url}`: {port_text!r} is no number")
    if not host or host.startswith("-"):
        raise InvalidParameterError(f"unable to parse docker host `{url}`: no host name in it")
    base_path = (slash + path).rstrip("/")
    return host, int(port_text or default_port), base_path
