"""Finding plugins on the disk, as Docker does (docs.docker.com, "Plugin discovery").

A socket ``NAME.sock`` or ``NAME/NAME.sock`` comes first, then ``NAME.spec`` (one URL) and
``NAME.json`` (``Name``, ``Addr``, ``TLSConfig``).
"""

import re
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from boxship.engine.plugins.plugin import (
    PluginAddress,
    PluginError,
    PluginNotFoundError,
    PluginTls,
)

SOCKET_DIRECTORY = Path("/run/docker/plugins")
SPEC_DIRECTORIES = (Path("/etc/docker/plugins"), Path("/usr/lib/docker/plugins"))
_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.:@-]*(/[a-zA-Z0-9][a-zA-Z0-9_.:@-]*)*", re.ASCII)
_MAX_FILE = 64 * 1024
_LONGEST_NAME = 200
"""What a file can be named, with its ending."""
_SCHEMES = ("unix", "tcp", "http", "https")


class _Tls(msgspec.Struct, rename="pascal"):
    ca_file: str = msgspec.field(default="", name="CAFile")
    cert_file: str = ""
    key_file: str = ""
    insecure_skip_verify: bool = False


class _Document(msgspec.Struct, rename="pascal"):
    addr: str
    name: str = ""
    tls_config: _Tls | None = msgspec.field(default=None, name="TLSConfig")


def find(name: str, sockets: Sequence[Path], specs: Sequence[Path]) -> PluginAddress:
    """Return where the plugin of that name listens.

    Raises PluginNotFoundError without one, PluginError for a file that says nothing. [blocking]
    """
    if len(name) <= _LONGEST_NAME and _NAME.fullmatch(name):
        for directory in sockets:
            for path in (directory / f"{name}.sock", directory / name / f"{name}.sock"):
                if _is_socket(path):
                    return PluginAddress(name=name, url=f"unix://{path}")
        for directory in specs:
            for path in _spec_files(directory, name):
                if path.is_file():
                    return _read(path, name)
    raise PluginNotFoundError(f'plugin "{name}" not found')


def names(sockets: Sequence[Path], specs: Sequence[Path]) -> Iterator[str]:
    """Yield the names of all plugins that can be seen, each once. [blocking]"""
    seen = set()
    for directory, patterns in (
        *((directory, ("*.sock", "*/*.sock")) for directory in sockets),
        *((directory, ("*.spec", "*.json", "*/*.spec", "*/*.json")) for directory in specs),
    ):
        for pattern in patterns:
            seen |= {
                path.stem
                for path in directory.glob(pattern)
                if path.parent in (directory, directory / path.stem)
            }
    yield from sorted(seen)


def _spec_files(directory: Path, name: str) -> Iterator[Path]:
    for suffix in ("spec", "json"):
        yield directory / f"{name}.{suffix}"
        yield directory / name / f"{name}.{suffix}"


def _is_socket(path: Path) -> bool:
    try:
        return stat.S_ISSOCK(path.stat().st_mode)
    except OSError:
        return False


def _read(path: Path, name: str) -> PluginAddress:
    try:
        with path.open("rb") as file:
            text = file.read(_MAX_FILE)
        address = _parse(path, text, name)
    except (OSError, ValueError, msgspec.MsgspecError) as error:
        raise PluginError(f"plugin {name}: {path} cannot be read: {error}") from error
    if address.url.partition("://")[0] not in _SCHEMES:
        raise PluginError(
            f"plugin {name}: {path} names the address '{address.url}', which begins with none of "
            f"{', '.join(_SCHEMES)}"
        )
    return address


def _parse(path: Path, text: bytes, name: str) -> PluginAddress:
    if path.suffix == ".spec":
        return PluginAddress(name=name, url=text.decode().strip())
    document = msgspec.json.decode(text, type=_Document)
    if document.tls_config is None:
        return PluginAddress(name=name, url=document.addr)
    given = document.tls_config
    tls = PluginTls(
        ca_file=given.ca_file,
        cert_file=given.cert_file,
        key_file=given.key_file,
        skip_verify=given.insecure_skip_verify,
    )
    return PluginAddress(name=name, url=document.addr, tls=tls)
