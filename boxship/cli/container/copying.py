"""The rules of ``cp``: what is created under which name (those of ``cp -r``, as Docker has them).

A source that ends in ``/.`` means a directory's content; a target directory that exists receives
the source under its own name, one that does not is created with the target's name.
"""

import binascii
import os
import posixpath
import stat

from boxship.cli.container.tarstream import Tally, pack, unpack
from boxship.cli.errors import CliError
from boxship.cli.files import read_file
from boxship.cli.relay import write_all
from boxship.cli.session import Cli
from boxship.cli.terminal import STDIN, STDOUT, is_terminal
from boxship.client import jsontext
from boxship.client.calls.containers import (
    container_archive_get,
    container_archive_put,
    container_archive_stat,
)
from boxship.errors import NotFoundError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

_GO_DIRECTORY = 1 << 31
_GO_SYMLINK = 1 << 27
_STAT_HEADER = "x-docker-container-path-stat"


def _stat(head_headers: "Mapping[str, str]") -> "Mapping[str, Any]":
    document: Mapping[str, Any] = jsontext.loads(binascii.a2b_base64(head_headers[_STAT_HEADER]))
    return document


def _is_directory(info: "Mapping[str, Any]") -> bool:
    return bool(int(info["mode"]) & _GO_DIRECTORY)


def _link_target(info: "Mapping[str, Any]", path: str) -> str:
    """Where a path in the container leads when it is a symbolic link, else the path itself."""
    target: str = info.get("linkTarget") or ""
    if not int(info["mode"]) & _GO_SYMLINK or not target:
        return path
    return posixpath.join(posixpath.dirname(path), target)


def copy_from_container(
    cli: Cli, container: str, source: str, target: str, *, follow: bool, keep_owner: bool
) -> int:
    """Copy out; target ``-`` writes the tar to standard output. Returns the bytes of content."""
    if follow:
        source = _target_info(cli, container, source)[1]
    if target == "-" and is_terminal(STDOUT):
        raise CliError("cowardly refusing to write a tar archive to a terminal: redirect it")
    with cli.client.response(container_archive_get(container, source)) as response:
        if target == "-":
            for data in response:
                write_all(STDOUT, data)
            return 0
        info = _stat(response.head.headers)
        directory, name = _local_place(source, info, target)
        tally = Tally(response)
        unpack(tally, directory, name=name, keep_owner=keep_owner)
        return tally.content


def _local_place(source: str, info: "Mapping[str, Any]", target: str) -> tuple[str, str]:
    """The directory to unpack into, and the name there; empty: the content itself."""
    source_is_directory = _is_directory(info)
    content_only = source.endswith("/.")
    own_name = posixpath.basename(source.rstrip("/")) or str(info.get("name") or "")
    if os.path.isdir(target):
        return target, "" if content_only else own_name
    if os.path.lexists(target) and source_is_directory:
        raise CliError(f"cannot copy a directory to the file {target}")
    if target.endswith("/") and not source_is_directory:
        raise CliError(f"the directory {target} does not exist")
    path = os.path.abspath(target)
    directory = os.path.dirname(path)
    if not os.path.isdir(directory):
        raise CliError(f'invalid output path: directory "{directory}" does not exist')
    return directory, os.path.basename(path)


def copy_to_container(
    cli: Cli, source: str, container: str, target: str, *, follow: bool, keep_owner: bool
) -> int:
    """Copy in; source ``-`` reads a tar from standard input. Returns the bytes of content."""
    info, target = _target_info(cli, container, target)
    if source == "-":
        if is_terminal(STDIN):
            raise CliError("standard input is a terminal: pipe a tar archive into it")
        if info is None or not _is_directory(info):
            raise CliError(f'destination "{container}:{target}" must be a directory')
        cli.client.run(_put(container, target, read_file("-"), keep_owner=keep_owner))
        return 0
    if not os.path.lexists(source):
        raise CliError(f"lstat {os.path.abspath(source)}: no such file or directory")
    if follow or source.endswith(("/", "/.")):
        real = os.path.realpath(source)
        source = real + ("/." if source.endswith("/.") else "")
    directory, name = _container_place(source, info, target)
    tally = Tally(pack(source.removesuffix("/.") or "/", name))
    cli.client.run(_put(container, directory, tally, keep_owner=keep_owner))
    return tally.content


def _put(container: str, path: str, tar: "Any", *, keep_owner: bool) -> "Any":
    return container_archive_put(container, path, tar, copy_owner=keep_owner)


def _target_info(cli: Cli, container: str, target: str) -> "tuple[Mapping[str, Any] | None, str]":
    """What is at the target, symbolic links followed; None for nothing (or no container)."""
    try:
        with cli.client.response(container_archive_stat(container, target)) as response:
            info = _stat(response.head.headers)
        linked = _link_target(info, target)
        if linked != target:
            with cli.client.response(container_archive_stat(container, linked)) as response:
                return _stat(response.head.headers), linked
    except NotFoundError:  # an answer to HEAD cannot say what is missing; the next call does
        return None, target
    return info, target


def _container_place(source: str, info: "Mapping[str, Any] | None", target: str) -> tuple[str, str]:
    """The container's directory to unpack into, and the name there; empty: the content itself."""
    source_is_directory = stat.S_ISDIR(os.lstat(source).st_mode)
    own_name = os.path.basename(os.path.abspath(source.removesuffix("/.")))
    if info is not None and _is_directory(info):
        return target, "" if source.endswith("/.") else own_name
    if info is not None and source_is_directory:
        raise CliError(f"cannot copy a directory to the file {target}")
    if info is None and target.endswith("/") and not source_is_directory:
        raise CliError(f"the directory {target} does not exist in the container")
    path = posixpath.normpath("/" + target.lstrip("/"))
    return posixpath.dirname(path), posixpath.basename(path)
