"""The daemon's listening sockets: unix://, fd:// and tcp://."""

import errno
import ipaddress
import logging
import os
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from boxship.daemon.config import DaemonConfig, TlsConfig
from boxship.errors import ConflictError, InternalError, InvalidParameterError

if TYPE_CHECKING:
    import ssl

_log = logging.getLogger(__name__)

FIRST_PASSED_FD: Final = 3
"""Where a service manager's descriptors begin (sd_listen_fds(3))."""


@dataclass(frozen=True, slots=True)
class Listener:
    """A bound socket, its address as the user wrote it, and the path that goes with it."""

    sock: socket.socket
    host: str
    encrypted: bool
    path: Path | None = None

    def close(self) -> None:
        """Close the socket and remove its file."""
        self.sock.close()
        if self.path is not None:
            self.path.unlink(missing_ok=True)


def open_listeners(config: DaemonConfig) -> list[Listener]:
    """Bind all hosts of the configuration, or none.

    Raises ConflictError when another daemon listens there, InvalidParameterError for an address
    that is malformed or not allowed, InternalError for what the kernel refuses.
    """
    listeners: list[Listener] = []
    try:
        for host in config.hosts:
            listeners += _open(host, config)
    except BaseException:
        for listener in listeners:
            listener.close()
        raise
    return listeners


def _open(host: str, config: DaemonConfig) -> list[Listener]:
    scheme, separator, address = host.partition("://")
    if not separator:
        scheme, address = ("unix", host) if host.startswith("/") else ("tcp", host)
    if scheme == "unix":
        return [_open_unix(Path(address), config.group)]
    if scheme == "tcp":
        return [_open_tcp(address, config)]
    if scheme == "fd":
        return _passed_sockets(address)
    raise InvalidParameterError(
        f"invalid bind address ({host}): unsupported proto '{scheme}'; use unix://, tcp:// or fd://"
    )


# unix://


def _open_unix(path: Path, group: str) -> Listener:
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_stale(path)
    sock = socket.socket(socket.AF_UNIX)
    mask = os.umask(0o117)
    try:
        sock.bind(str(path))
    except OSError as error:
        sock.close()
        raise InternalError(f"cannot listen on unix://{path}: {error.strerror}") from None
    finally:
        os.umask(mask)
    _give_to_group(path, group)
    sock.listen(1024)
    return Listener(sock, f"unix://{path}", encrypted=False, path=path)


def _remove_stale(path: Path) -> None:
    """Remove a socket file that nobody listens on; refuse one that is in use."""
    if not path.exists():
        return
    if not path.is_socket():
        raise ConflictError(f"cannot listen on unix://{path}: the file exists and is not a socket")
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except OSError as error:
            if error.errno == errno.ECONNREFUSED:
                path.unlink()
                return
            raise InternalError(f"cannot listen on unix://{path}: {error.strerror}") from None
    raise ConflictError(
        f"cannot listen on unix://{path}: another daemon is listening there; stop it, or choose "
        "another address with -H"
    )


def _give_to_group(path: Path, group: str) -> None:
    if not group:
        return
    import grp

    try:
        gid = int(group) if group.isdecimal() else grp.getgrnam(group).gr_gid
        os.chown(path, -1, gid)
    except KeyError:
        _log.warning(
            "could not change group %s to %s: group %s not found; only its owner may use the "
            "socket (groupadd --system %s)",
            path,
            group,
            group,
            group,
        )
    except PermissionError as error:
        _log.warning("could not change group %s to %s: %s", path, group, error.strerror)


# fd://


def _passed_sockets(name: str) -> list[Listener]:
    """Take over the sockets that a service manager has opened for us."""
    count = int(os.environ.get("LISTEN_FDS", "0"))
    if os.environ.get("LISTEN_PID", str(os.getpid())) != str(os.getpid()) or count == 0:
        raise InvalidParameterError(
            "no sockets found via socket activation: make sure the service was started by systemd"
        )
    descriptors = list(range(FIRST_PASSED_FD, FIRST_PASSED_FD + count))
    if name and name != "*":
        descriptors = _named_descriptors(name, descriptors)
    return [_passed_socket(descriptor) for descriptor in descriptors]


def _named_descriptors(name: str, descriptors: list[int]) -> list[int]:
    names = os.environ.get("LISTEN_FDNAMES", "").split(":")
    chosen = [fd for fd, fd_name in zip(descriptors, names, strict=False) if fd_name == name]
    if name.isdecimal() and int(name) in descriptors:
        chosen = [int(name)]
    if not chosen:
        raise InvalidParameterError(f"no socket named {name!r} was passed by the service manager")
    return chosen


def _passed_socket(descriptor: int) -> Listener:
    os.set_inheritable(descriptor, False)
    return Listener(socket.socket(fileno=descriptor), f"fd://{descriptor}", encrypted=False)


# tcp://


def _open_tcp(address: str, config: DaemonConfig) -> Listener:
    host, port = _split_tcp(address, 2376 if config.tls else 2375)
    if config.tls is None and not _is_loopback(host) and not config.allow_insecure_tcp:
        raise InvalidParameterError(
            f"refusing to listen on tcp://{address} without TLS: whoever reaches this port is "
            "root on this machine. Use --tlsverify with --tlscacert, --tlscert and --tlskey, "
            "listen on 127.0.0.1, or accept the risk with --allow-insecure-tcp"
        )
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        sock = socket.create_server((host, port), family=family, backlog=1024)
    except OSError as error:
        raise InternalError(f"cannot listen on tcp://{address}: {error.strerror}") from None
    shown = f"tcp://{address or host}"
    return Listener(sock, shown, encrypted=config.tls is not None)


def _split_tcp(address: str, default_port: int) -> tuple[str, int]:
    """Split ``host:port``, ``[v6]:port``, ``host`` or ``:port``; no host means 127.0.0.1."""
    address = address.rstrip("/")
    host, separator, port = address.rpartition(":")
    if not separator or address.endswith("]"):
        host, port = address, ""
    host = host.strip("[]") or "127.0.0.1"
    if port and not (port.isdecimal() and int(port) < 65536):
        raise InvalidParameterError(
            f"invalid bind address (tcp://{address}): invalid port number: {port}"
        )
    return host, int(port) if port else default_port


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def tls_context(config: TlsConfig) -> "ssl.SSLContext":
    """Load the files of a TLS configuration.

    Raises InvalidParameterError naming the file that cannot be used.
    """
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(config.certificate, config.key)
    except (OSError, ssl.SSLError) as error:
        raise InvalidParameterError(
            f"could not load X509 key pair (cert: {config.certificate!r}, key: {config.key!r}): "
            f"{error}"
        ) from None
    if config.verify:
        context.verify_mode = ssl.CERT_REQUIRED
        try:
            context.load_verify_locations(cafile=config.ca)
        except (OSError, ssl.SSLError) as error:
            raise InvalidParameterError(
                f"could not read CA certificate {config.ca!r}: {error}"
            ) from None
    return context
