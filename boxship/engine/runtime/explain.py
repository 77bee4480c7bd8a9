"""Why a command cannot be executed: what execve(2) says in one word, said in full.

The kernel answers ENOENT alike for a missing file, a missing interpreter and a missing loader. The
file itself tells them apart.
"""

import errno
import os
import stat
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from boxship.engine.runtime.errors import (
    CommandError,
    CommandNotExecutableError,
    CommandNotFoundError,
)
from boxship.linux import binfmt
from boxship.linux.openat2 import openat2

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_HEAD_SIZE = 4096
_PT_INTERP = 3
_ELF_MACHINES = {
    2: "sparc",
    3: "386",
    8: "mips",
    20: "ppc",
    21: "ppc64",
    22: "s390x",
    40: "arm",
    62: "amd64",
    183: "arm64",
    243: "riscv64",
    258: "loong64",
}
_RUNNABLE = {
    "x86_64": (62, 3),
    "aarch64": (183, 40),
    "armv7l": (40,),
    "i686": (3,),
    "ppc64le": (21, 20),
    "riscv64": (243,),
    "s390x": (22,),
}


@dataclass(frozen=True, slots=True)
class Command:
    """What is going to be executed, and as whom."""

    name: str
    """First argument."""
    search_path: str
    cwd: str
    uid: int = 0
    gids: frozenset[int] = frozenset()


def search_path(env: Sequence[str]) -> str:
    """Return PATH of an environment of ``NAME=value`` strings."""
    for entry in env:
        if entry.startswith("PATH="):
            return entry[5:]
    return DEFAULT_PATH


def examine(root: str, command: Command) -> CommandError | None:
    """Return why a command of the root file system ``root`` cannot be executed; None: it can.

    ``root`` may be ``/proc/PID/root``, which shows a container with all of its mounts.
    """
    root_fd = os.open(root, os.O_PATH | os.O_DIRECTORY)
    try:
        return _examine(root_fd, command)
    finally:
        os.close(root_fd)


def _examine(root_fd: int, command: Command) -> CommandError | None:
    denied: CommandError | None = None
    for path in _candidates(command):
        try:
            descriptor = openat2(root_fd, path, os.O_PATH)
        except OSError as error:
            if error.errno == errno.ENOTDIR and "/" in command.name:
                return CommandNotExecutableError(
                    _words(command, f"{path}: not a directory: a part of the path is a file")
                )
            continue
        try:
            refusal = _refusal(command, path, descriptor)
            if refusal is None:
                return _content(root_fd, command, path, descriptor)
            denied = denied or refusal
        finally:
            os.close(descriptor)
    return denied or _not_found(root_fd, command)


def _candidates(command: Command) -> Iterator[str]:
    if "/" in command.name:
        yield os.path.join(command.cwd or "/", command.name)
        return
    for directory in command.search_path.split(":"):
        yield os.path.join(command.cwd or "/", directory, command.name)


def _not_found(root_fd: int, command: Command) -> CommandError:
    if "/" not in command.name:
        return CommandNotFoundError(
            _words(
                command,
                "executable file not found in $PATH:"
                f" no file of that name in {command.search_path}",
            )
        )
    reason = f"stat {command.name}: no such file or directory"
    target = _dangling_link(root_fd, command)
    if target:
        reason += f": it is a symbolic link to {target}, which does not exist"
    return CommandNotFoundError(_words(command, reason))


def _dangling_link(root_fd: int, command: Command) -> str:
    path = os.path.join(command.cwd or "/", command.name)
    try:
        descriptor = openat2(root_fd, path, os.O_PATH | os.O_NOFOLLOW)
    except OSError:
        return ""
    try:
        if stat.S_ISLNK(os.fstat(descriptor).st_mode):
            return os.readlink("", dir_fd=descriptor)
        return ""
    finally:
        os.close(descriptor)


def _refusal(command: Command, path: str, descriptor: int) -> CommandError | None:
    status = os.fstat(descriptor)
    if stat.S_ISDIR(status.st_mode):
        if "/" in command.name:
            # Clients before Docker 23 know exit status 126 by the words "permission denied" alone.
            reason = f"{path}: is a directory: permission denied"
            return CommandNotExecutableError(_words(command, reason))
        return _not_executable(command, f"{path} is a directory")
    if not stat.S_ISREG(status.st_mode):
        return _not_executable(command, f"{path} is not a regular file")
    if not status.st_mode & 0o111:
        return _not_executable(command, f"{path} has no execute permission; set it with chmod +x")
    if not _may_execute(command, status) and not _has_acl(descriptor):
        return _not_executable(
            command,
            f"user {command.uid} may not execute {path}"
            f" (mode {stat.S_IMODE(status.st_mode):04o}, owner {status.st_uid}:{status.st_gid})",
        )
    if os.statvfs(f"/proc/self/fd/{descriptor}").f_flag & os.ST_NOEXEC:
        return _not_executable(command, f"{path} lies on a file system that is mounted noexec")
    return None


def _not_executable(command: Command, reason: str) -> CommandError:
    return CommandNotExecutableError(_words(command, f"permission denied: {reason}"))


def _may_execute(command: Command, status: os.stat_result) -> bool:
    if command.uid == 0:
        return True
    if status.st_uid == command.uid:
        return bool(status.st_mode & 0o100)
    if status.st_gid in command.gids:
        return bool(status.st_mode & 0o010)
    return bool(status.st_mode & 0o001)


def _has_acl(descriptor: int) -> bool:
    try:
        return "system.posix_acl_access" in os.listxattr(f"/proc/self/fd/{descriptor}")
    except OSError:
        return False


def _content(root_fd: int, command: Command, path: str, descriptor: int) -> CommandError | None:
    try:
        with open(f"/proc/self/fd/{descriptor}", "rb", buffering=0) as file:
            head = file.read(_HEAD_SIZE)
    except OSError:
        return None
    if head.startswith(b"#!"):
        return _script(root_fd, command, path, head)
    if head.startswith(b"\x7fELF"):
        return _binary(root_fd, command, path, head)
    if _has_binary_formats():
        return None
    if not head:
        return _bad_format(command, f"{path} is empty")
    return _bad_format(
        command,
        f"{path} is neither a program for this machine nor a script with an interpreter in its"
        " first line (#!/bin/sh)",
    )


def _script(root_fd: int, command: Command, path: str, head: bytes) -> CommandError | None:
    line = head[2:].split(b"\n", 1)[0]
    words = line.replace(b"\t", b" ").split(b" ")
    words = [word for word in words if word]  # only blanks part them: a CR is of the name
    if not words:
        return _bad_format(command, f"the first line of {path} names no interpreter")
    interpreter = os.fsdecode(words[0])
    if _exists(root_fd, interpreter):
        return _interpreter(root_fd, command, interpreter)
    reason = f"the interpreter {interpreter!r} in the first line of {path} does not exist"
    if line.endswith(b"\r"):
        reason = (
            f"the first line of {path} ends in a carriage return (CRLF, as on Windows), so that"
            f" the interpreter looked for is {interpreter!r}; save the script with LF line ends"
        )
    return CommandNotFoundError(_words(command, f"{path}: no such file or directory: {reason}"))


def _interpreter(root_fd: int, command: Command, path: str) -> CommandError | None:
    """Look at a script's interpreter: it may be a program for another processor."""
    try:
        descriptor = openat2(root_fd, path, os.O_PATH)
        try:
            with open(f"/proc/self/fd/{descriptor}", "rb", buffering=0) as file:
                head = file.read(_HEAD_SIZE)
        finally:
            os.close(descriptor)
    except OSError:
        return None
    return _binary(root_fd, command, path, head) if head.startswith(b"\x7fELF") else None


def _binary(root_fd: int, command: Command, path: str, head: bytes) -> CommandError | None:
    order = ">" if head[5:6] == b"\x02" else "<"
    if len(head) < 64:
        return _bad_format(command, f"{path} is cut off: {len(head)} bytes of an ELF file")
    machine = struct.unpack_from(order + "H", head, 18)[0]
    host = os.uname().machine
    if machine not in _RUNNABLE.get(host, (machine,)):
        return _foreign(command, path, machine, host)
    loader = _loader(head, order)
    if loader and not _exists(root_fd, loader):
        return CommandNotFoundError(
            _words(
                command,
                f"{path}: no such file or directory: its loader {loader} does not exist; the"
                " program was linked for another C library than the image has",
            )
        )
    return None


def _foreign(command: Command, path: str, machine: int, host: str) -> CommandError | None:
    """Have programs for another processor emulated; return why they cannot be."""
    name = _ELF_MACHINES.get(machine, f"ELF machine {machine}")
    try:
        binfmt.formats.ensure(name)
    except binfmt.FormatError as error:
        if name not in binfmt.PROCESSORS and _has_binary_formats():
            return None
        native = _ELF_MACHINES.get(_RUNNABLE[host][0], host)
        return _bad_format(
            command,
            f"{path} is a program for linux/{name}, this machine is linux/{native}: use an image"
            f" for this platform, or let it be emulated: {error}",
        )
    return None


def _loader(head: bytes, order: str) -> str:
    """Return the path in the PT_INTERP segment (elf(5)), empty for a static program."""
    wide = head[4:5] == b"\x02"
    offset = struct.unpack_from(order + ("Q" if wide else "I"), head, 32 if wide else 28)[0]
    size, count = struct.unpack_from(order + "HH", head, 54 if wide else 42)
    for start in range(offset, offset + size * count, size or 1):
        if start + size > len(head) or size < 32:
            break
        if struct.unpack_from(order + "I", head, start)[0] != _PT_INTERP:
            continue
        form, at = (order + "Q", (8, 32)) if wide else (order + "I", (4, 16))
        position, length = (struct.unpack_from(form, head, start + one)[0] for one in at)
        return os.fsdecode(head[position : position + length].rstrip(b"\0"))
    return ""


def _exists(root_fd: int, path: str) -> bool:
    try:
        os.close(openat2(root_fd, path, os.O_PATH))
    except OSError as error:
        return error.errno not in (errno.ENOENT, errno.ENOTDIR)
    return True


def _has_binary_formats(directory: str = "/proc/sys/fs/binfmt_misc") -> bool:
    """Tell whether the kernel was taught further formats: then no file can be called foreign."""
    try:
        return bool(set(os.listdir(directory)) - {"register", "status"})
    except OSError:
        return False


def _bad_format(command: Command, reason: str) -> CommandError:
    return CommandNotExecutableError(_words(command, f"exec format error: {reason}"))


def _words(command: Command, reason: str) -> str:
    return f'exec: "{command.name}": {reason}'
