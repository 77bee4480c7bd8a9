"""``boxship context export``."""

import io
import sys
import tarfile

from boxship.cli.context.store import ContextStore, check_name, read_tls
from boxship.cli.errors import CliError
from boxship.cli.flags import Flag, Flags
from boxship.cli.session import Cli
from boxship.client import jsontext

USAGE = "CONTEXT [FILE|-]"
ARGS: tuple[int, int | None] = (1, 2)
FLAGS: tuple[Flag, ...] = ()


def run(cli: Cli, flags: Flags, args: list[str]) -> int:
    """Write a context with its certificates into a tar file, which must not exist yet."""
    name = args[0]
    check_name(name)
    archive = _pack(ContextStore(cli.options.config_dir), name)
    target = args[1] if len(args) == 2 else f"{name}.dockercontext"
    if target == "-":
        if sys.stdout.isatty():
            raise CliError("cowardly refusing to export to a terminal, specify a file path")
        sys.stdout.buffer.write(archive)
        return 0
    try:
        with open(target, "xb") as file:
            file.write(archive)
    except OSError as error:
        raise CliError(f"open {target}: {(error.strerror or str(error)).lower()}") from error
    cli.warn(f'Written file "{target}"')
    return 0


def _pack(store: ContextStore, name: str) -> bytes:
    context = store.get(name)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        _add(archive, "meta.json", jsontext.dumps(context.document()).encode(), 0o644)
        _add_directory(archive, "tls")
        if context.tls:
            _add_directory(archive, "tls/docker")
        for file_name, data in read_tls(context).items():
            _add(archive, f"tls/docker/{file_name}", data, 0o600)
    return buffer.getvalue()


def _add(archive: tarfile.TarFile, name: str, data: bytes, mode: int) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(data), mode
    archive.addfile(entry, io.BytesIO(data))


def _add_directory(archive: tarfile.TarFile, name: str) -> None:
    entry = tarfile.TarInfo(name)
    entry.type, entry.mode = tarfile.DIRTYPE, 0o700
    archive.addfile(entry)
