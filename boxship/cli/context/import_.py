"""``boxship context import``."""

import io
import sys
import tarfile
import zipfile

from boxship.cli.context.store import Context, ContextStore
from boxship.cli.errors import CliError
from boxship.cli.flags import Flag, Flags
from boxship.cli.session import Cli
from boxship.client import jsontext

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

USAGE = "CONTEXT FILE|-"
ARGS: tuple[int, int | None] = (2, 2)
FLAGS: tuple[Flag, ...] = ()
MAX_SIZE = 10 << 20
"""Bytes of an archive."""
_TLS = "tls/docker/"


def run(cli: Cli, flags: Flags, args: list[str]) -> int:
    """Make a context out of a tar or zip file; nothing is kept of a bad one."""
    store, name = ContextStore(cli.options.config_dir), args[0]
    store.check_new(name)
    files = dict(_files(_read(args[1])))
    if "meta.json" not in files:
        raise CliError("invalid context: no metadata found")
    document = _document(files["meta.json"])
    docker = (document.get("Endpoints") or {}).get("docker") or {}
    context = Context(
        name,
        str(docker.get("Host", "")),
        document.get("Metadata") or {},
        skip_tls_verify=bool(docker.get("SkipTLSVerify")),
    )
    tls = {path[len(_TLS) :]: data for path, data in files.items() if path.startswith(_TLS)}
    store.save(context, tls)
    cli.print(name)
    cli.warn(f'Successfully imported context "{name}"')
    return 0


def _read(path: str) -> bytes:
    try:
        if path == "-":
            data = sys.stdin.buffer.read(MAX_SIZE + 1)
        else:
            with open(path, "rb") as file:
                data = file.read(MAX_SIZE + 1)
    except OSError as error:
        raise CliError(f"open {path}: {(error.strerror or str(error)).lower()}") from error
    if len(data) > MAX_SIZE:
        raise CliError(f"{path} is larger than {MAX_SIZE} bytes: that is no exported context")
    return data


def _document(data: bytes) -> "dict[str, Any]":
    try:
        document = jsontext.loads(data)
    except ValueError as error:
        raise CliError(f"invalid context: meta.json: {error}") from error
    if not isinstance(document, dict):
        raise CliError("invalid context: meta.json is no JSON object")
    return document


def _files(data: bytes) -> "Iterator[tuple[str, bytes]]":
    try:
        yield from _zip_files(data) if data.startswith(b"PK") else _tar_files(data)
    except (tarfile.TarError, zipfile.BadZipFile) as error:
        raise CliError(f"invalid context: {error}") from error


def _tar_files(data: bytes) -> "Iterator[tuple[str, bytes]]":
    ending = bytes(2 * tarfile.BLOCKSIZE)  # which docker's own export leaves out
    with tarfile.open(fileobj=io.BytesIO(data + ending), mode="r:") as archive:
        for entry in archive:
            content = archive.extractfile(entry) if entry.isfile() else None
            if content is not None:
                yield _checked(entry.name), content.read()


def _zip_files(data: bytes) -> "Iterator[tuple[str, bytes]]":
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for entry in archive.infolist():
            if not entry.is_dir():
                if entry.file_size > MAX_SIZE:
                    raise CliError(f"{entry.filename}: too large for an exported context")
                yield _checked(entry.filename), archive.read(entry)


def _checked(path: str) -> str:
    """A path in the archive; nothing but the known files may come out of it."""
    if path == "meta.json":
        return path
    name = path.removeprefix(_TLS)
    if not path.startswith("tls/"):
        raise CliError(f"{path}: unexpected context file")
    if not path.startswith(_TLS) or "/" in name or "\\" in name or name in ("", ".", ".."):
        raise CliError(f"{path}: unexpected path format")
    return path
