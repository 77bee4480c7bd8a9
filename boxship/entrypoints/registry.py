"""The program behind ``boxship registry``: serves a registry of one's own, and cleans it up.

python -m boxship.entrypoints.registry serve --root DIR --addr 127.0.0.1:5000
python -m boxship.entrypoints.registry gc --root DIR --dry-run
"""

import argparse
import asyncio
import contextlib
import ipaddress
import logging
import resource
import signal
import socket
import ssl
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from boxship.api.registry.server import RegistryServer
from boxship.engine.registry.server.access import Authority, OpenDoor
from boxship.engine.registry.server.config import ServerConfig
from boxship.engine.registry.server.service import Registry
from boxship.errors import BoxshipError, InternalError, InvalidParameterError

_THREADS = 32
_GRACE_S = 10.0
_log = logging.getLogger("boxship.registry")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; return its exit status."""
    options = _parser().parse_args(arguments)
    try:
        status: int = options.run(options)
    except BoxshipError as error:
        print(f"boxship registry: {error.message}", file=sys.stderr)
        return 1
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="boxship registry", allow_abbrev=False)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_serve(commands.add_parser("serve", help="Serve a registry", allow_abbrev=False))
    return parser


def _add_serve(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=serve)
    parser.add_argument("--root", type=Path, default=Path("/var/lib/boxship/registry"))
    parser.add_argument("--addr", default="127.0.0.1:5000", metavar="HOST:PORT")
    parser.add_argument("--allow-insecure-http", action="store_true")
    parser.add_argument("--tls-cert", metavar="FILE")
    parser.add_argument("--tls-key", metavar="FILE")
    parser.add_argument("--tls-client-ca", metavar="FILE")
    parser.add_argument("--read-only", action="store_true")
    parser.add_argument("--allow-sparse", action="store_true")
    parser.add_argument("--max-blob-size", type=int, default=0, metavar="BYTES")
    parser.add_argument("--max-uploads", type=int, default=64, metavar="N")
    parser.add_argument("--min-chunk", type=int, default=0, metavar="BYTES")


def serve(options: argparse.Namespace) -> int:
    """Serve until SIGTERM or SIGINT."""
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s"
    )
    _raise_file_limit()
    config = ServerConfig(
        root=options.root,
        read_only=options.read_only,
        allow_sparse=options.allow_sparse,
        max_blob_size=options.max_blob_size,
        max_uploads=options.max_uploads,
        min_chunk=options.min_chunk,
    )
    tls = _tls_context(options)
    listener = _listen(options.addr, encrypted=tls is not None, risky=options.allow_insecure_http)
    asyncio.run(_serve(config, OpenDoor(), listener, tls))
    return 0


async def _serve(
    config: ServerConfig, authority: Authority, listener: socket.socket, tls: ssl.SSLContext | None
) -> None:
    loop = asyncio.get_running_loop()
    loop.set_default_executor(ThreadPoolExecutor(_THREADS))
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with contextlib.AsyncExitStack() as cleanup:
        registry = Registry(config)
        cleanup.callback(registry.close)
        server = RegistryServer(registry, authority)
        cleanup.push_async_callback(server.close, _GRACE_S)
        await server.listen(listener, tls)
        host, port = listener.getsockname()[:2]
        _log.info("serving %s on %s:%d", config.root, host, port)
        await stop.wait()
        _log.info("shutting down: requests that are under way may end")


def _raise_file_limit() -> None:
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _listen(address: str, *, encrypted: bool, risky: bool) -> socket.socket:
    """Bind the address. Raises InvalidParameterError, InternalError."""
    host, port = _split(address)
    if not (encrypted or risky or _is_loopback(host)):
        raise InvalidParameterError(
            f"refusing to serve plain HTTP on {address}: passwords and images would cross the "
            "network unprotected, and whoever is in between could change them. Give --tls-cert "
            "and --tls-key, listen on 127.0.0.1, or accept the risk with --allow-insecure-http"
        )
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=1024)
    except OSError as error:
        raise InternalError(f"cannot listen on {address}: {error.strerror or error}") from None


def _split(address: str) -> tuple[str, int]:
    host, colon, port = address.rpartition(":")
    if not (colon and port.isdecimal() and int(port) < 65536):
        raise InvalidParameterError(f"invalid address {address!r}: write it as HOST:PORT")
    return host.strip("[]") or "0.0.0.0", int(port)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _tls_context(options: argparse.Namespace) -> ssl.SSLContext | None:
    """Load the certificates. Raises InvalidParameterError naming the file that is of no use."""
    if not options.tls_cert and not options.tls_key and not options.tls_client_ca:
        return None
    if not options.tls_cert or not options.tls_key:
        raise InvalidParameterError("--tls-cert and --tls-key belong together")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(options.tls_cert, options.tls_key)
        if options.tls_client_ca:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(options.tls_client_ca)
    except (OSError, ssl.SSLError) as error:
        names = f"{options.tls_cert}, {options.tls_key}, {options.tls_client_ca or 'no client CA'}"
        raise InvalidParameterError(f"cannot use the certificates ({names}): {error}") from None
    return context


if __name__ == "__main__":
    sys.exit(main())
