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
from urllib.parse import urlsplit

from boxship.api.registry.server import RegistryServer
from boxship.daemon.notify import write_ready_fd
from boxship.engine.config import RegistryConfig
from boxship.engine.registry.server.access import Authority, OpenDoor
from boxship.engine.registry.server.collection import collect
from boxship.engine.registry.server.config import ServerConfig
from boxship.engine.registry.server.eviction import evict
from boxship.engine.registry.server.service import Registry
from boxship.errors import BoxshipError, InternalError, InvalidParameterError, NotFoundError
from boxship.units import human_size, parse_bytes, parse_duration

_THREADS = 32
_GRACE_S = 10.0
_EVICT_S = 60.0
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
    _add_gc(commands.add_parser("gc", help="Remove what nothing leads to", allow_abbrev=False))
    return parser


def _add_common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--root", type=Path, default=Path("/var/lib/boxship/registry"))
    parser.add_argument("--grace", type=_seconds, default=3600.0, metavar="TIME")
    parser.add_argument("--upload-lifetime", type=_seconds, default=7 * 86400.0, metavar="TIME")
    parser.add_argument("--untagged", action="store_true")


def _add_serve(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=serve)
    _add_common(parser)
    parser.add_argument("--addr", default="127.0.0.1:5000", metavar="HOST:PORT")
    parser.add_argument("--ready-fd", type=int, default=-1, metavar="FD")
    parser.add_argument("--allow-insecure-http", action="store_true")
    parser.add_argument("--tls-cert", metavar="FILE")
    parser.add_argument("--tls-key", metavar="FILE")
    parser.add_argument("--tls-client-ca", metavar="FILE")
    parser.add_argument("--auth", default="", metavar="htpasswd:FILE|token:...")
    parser.add_argument("--anonymous-pull", action="store_true")
    parser.add_argument("--proxy-to", default="", metavar="URL")
    parser.add_argument("--proxy-auth", type=Path, metavar="FILE")
    parser.add_argument("--proxy-max-size", type=_size, default=0, metavar="BYTES")
    parser.add_argument("--proxy-ttl", type=_seconds, default=0.0, metavar="TIME")
    parser.add_argument("--read-only", action="store_true")
    parser.add_argument("--allow-sparse", action="store_true")
    parser.add_argument("--gc-interval", type=_seconds, default=0.0, metavar="TIME")
    parser.add_argument("--max-blob-size", type=_size, default=0, metavar="BYTES")
    parser.add_argument("--max-uploads", type=int, default=64, metavar="N")
    parser.add_argument("--stall-timeout", type=_seconds, default=300.0, metavar="TIME")
    parser.add_argument("--min-chunk", type=_size, default=0, metavar="BYTES")


def _add_gc(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=collect_garbage)
    _add_common(parser)
    parser.add_argument("--dry-run", action="store_true")


def _seconds(text: str) -> float:
    try:
        return parse_duration(text) / 1e9
    except BoxshipError as error:
        raise argparse.ArgumentTypeError(error.message) from None


def _size(text: str) -> int:
    try:
        return parse_bytes(text)
    except BoxshipError as error:
        raise argparse.ArgumentTypeError(error.message) from None


def collect_garbage(options: argparse.Namespace) -> int:
    """Remove what nothing leads to, beside a server that may be running, and say what went."""
    if not (options.root / "registry.db").exists():
        raise NotFoundError(f"there is no registry in {options.root}")
    config = ServerConfig(
        root=options.root, grace_s=options.grace, upload_lifetime_s=options.upload_lifetime
    )
    found = collect(config, untagged=options.untagged, dry_run=options.dry_run)
    for digest, size in (*found.blobs, *found.orphans):
        print(f"{digest}\t{size}")
    for identity, size in found.uploads:
        print(f"upload {identity}\t{size}")
    verb = "would free" if options.dry_run else "freed"
    print(
        f"{verb} {human_size(found.size)} ({found.size} bytes): {found.manifests} manifests, "
        f"{len(found.blobs) + len(found.orphans)} blobs, {len(found.uploads)} uploads"
    )
    return 0


def serve(options: argparse.Namespace) -> int:
    """Serve until SIGTERM or SIGINT."""
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s"
    )
    _raise_file_limit()
    authority = _authority(options)
    tls = _tls_context(options)
    listener = _listen(options.addr, encrypted=tls is not None, risky=options.allow_insecure_http)
    asyncio.run(_serve(options, authority, listener, tls))
    return 0


def _config(options: argparse.Namespace) -> ServerConfig:
    return ServerConfig(
        root=options.root,
        read_only=options.read_only,
        allow_sparse=options.allow_sparse,
        max_blob_size=options.max_blob_size,
        max_uploads=options.max_uploads,
        min_chunk=options.min_chunk,
        stall_s=options.stall_timeout,
        grace_s=options.grace,
        upload_lifetime_s=options.upload_lifetime,
    )


def _authority(options: argparse.Namespace) -> Authority:
    """Make what checks credentials. Raises InvalidParameterError."""
    kind, _, value = options.auth.partition(":")
    if not options.auth:
        if options.anonymous_pull:
            raise InvalidParameterError("--anonymous-pull says something only together with --auth")
        return OpenDoor()
    if kind == "htpasswd" and value:
        from boxship.engine.registry.server.passwords import PasswordAuthority, PasswordFile

        passwords = PasswordFile(Path(value))
        if not options.anonymous_pull:
            return PasswordAuthority(passwords)
        from boxship.engine.registry.server.issuing import IssuingAuthority

        return IssuingAuthority(passwords, options.root)
    if kind == "token":
        return _token_authority(value, anonymous_pull=options.anonymous_pull)
    raise InvalidParameterError(
        f"invalid --auth {options.auth!r}: write htpasswd:FILE, or "
        "token:realm=URL,service=NAME,issuer=NAME,keys=FILE"
    )


def _token_authority(text: str, *, anonymous_pull: bool) -> Authority:
    from boxship.engine.registry.server.tokens import TokenAuthority, TrustedKeys

    given = dict(item.partition("=")[::2] for item in text.split(","))
    wanted = ("realm", "service", "issuer", "keys")
    missing = [name for name in wanted if not given.get(name)]
    if missing or given.keys() - set(wanted):
        wrong = ", ".join(missing or sorted(given.keys() - set(wanted)))
        raise InvalidParameterError(
            f"invalid --auth token: {wrong}: wanted are realm=URL,service=NAME,issuer=NAME,"
            "keys=FILE"
        )
    return TokenAuthority(
        TrustedKeys(Path(given["keys"])),
        given["realm"],
        given["service"],
        given["issuer"],
        anonymous_pull=anonymous_pull,
    )


def _registry(options: argparse.Namespace) -> Registry:
    config = _config(options)
    if not options.proxy_to:
        if options.proxy_max_size or options.proxy_ttl or options.proxy_auth:
            raise InvalidParameterError(
                "--proxy-max-size, --proxy-ttl and --proxy-auth say something only together with "
                "--proxy-to"
            )
        return Registry(config)
    from boxship.engine.registry.auth import RegistryAuth
    from boxship.engine.registry.client import RegistryClient
    from boxship.engine.registry.server.proxy import CachingRegistry, Upstream

    parts = urlsplit(options.proxy_to)
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.path.strip("/"):
        raise InvalidParameterError(
            f"invalid --proxy-to {options.proxy_to!r}: write it as http(s)://host[:port]"
        )
    insecure = (parts.netloc,) if parts.scheme == "http" else ()
    user, _, password = _secret(options.proxy_auth).partition(":")
    auth = RegistryAuth(username=user, password=password)
    client = RegistryClient(RegistryConfig(insecure=insecure))
    return CachingRegistry(config, Upstream(client, parts.netloc, auth))


def _secret(path: Path | None) -> str:
    if path is None:
        return ""
    try:
        return path.read_text("utf-8").strip()
    except OSError as error:
        raise InvalidParameterError(f"cannot read --proxy-auth {path}: {error.strerror}") from None


async def _serve(
    options: argparse.Namespace,
    authority: Authority,
    listener: socket.socket,
    tls: ssl.SSLContext | None,
) -> None:
    loop = asyncio.get_running_loop()
    loop.set_default_executor(ThreadPoolExecutor(_THREADS))
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with contextlib.AsyncExitStack() as cleanup:
        registry = _registry(options)
        cleanup.callback(registry.close)
        server = RegistryServer(registry, authority)
        cleanup.push_async_callback(server.close, _GRACE_S)
        await server.listen(listener, tls)
        host, port = listener.getsockname()[:2]
        if options.gc_interval:
            keeper = asyncio.create_task(_collect_now_and_then(options, registry.config))
            cleanup.callback(keeper.cancel)
        if options.proxy_max_size or options.proxy_ttl:
            evictor = asyncio.create_task(_evict_now_and_then(options, registry.config))
            cleanup.callback(evictor.cancel)
        _log.info("serving %s on %s:%d", options.root, host, port)
        write_ready_fd(options.ready_fd)
        await stop.wait()
        _log.info("shutting down: requests that are under way may end")


async def _collect_now_and_then(options: argparse.Namespace, config: ServerConfig) -> None:
    while True:
        await asyncio.sleep(options.gc_interval)
        try:
            found = await asyncio.to_thread(collect, config, untagged=options.untagged)
        except (BoxshipError, OSError):
            _log.exception("the collection failed")
            continue
        _log.info("collected %d blobs, %d bytes freed", len(found.blobs), found.size)


async def _evict_now_and_then(options: argparse.Namespace, config: ServerConfig) -> None:
    while True:
        try:
            gone = await asyncio.to_thread(
                evict, config, max_size=options.proxy_max_size, ttl_s=options.proxy_ttl
            )
        except (BoxshipError, OSError):
            _log.exception("the cache could not be kept within its bounds")
        else:
            if gone:
                size = sum(size for _, size in gone)
                _log.info("%d blobs left the cache, %d bytes freed", len(gone), size)
        await asyncio.sleep(_EVICT_S)


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
