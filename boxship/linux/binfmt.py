"""Programs for other processors, run through QEMU (the kernel's binfmt_misc.rst).

The kernel keeps its list of formats in the file system binfmt_misc. Where nobody mounted it, it is
opened here without a place in any directory (fsopen(2), fsmount(2)), and what is registered lasts
as long as this process: since Linux 6.7 the list goes with the file system's last mount. What
others registered is never touched.
"""

import ctypes
import errno
import os
import shutil
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from boxship.linux.syscalls import system_call

DIRECTORY = Path("/proc/sys/fs/binfmt_misc")
PACKAGE = "qemu-user-static"
"""Debian's package with the interpreters."""

_FSCONFIG_CMD_CREATE = 6
_FSOPEN_CLOEXEC = 1
_FSMOUNT_CLOEXEC = 1
_ENTRY_LIMIT = 4096
_PT_INTERP = 3
_HEAD_SIZE = 4096

_fsopen = system_call(430, ctypes.c_char_p, ctypes.c_uint)
_fsconfig = system_call(
    431, ctypes.c_int, ctypes.c_uint, ctypes.c_char_p, ctypes.c_void_p, ctypes.c_int
)
_fsmount = system_call(432, ctypes.c_int, ctypes.c_uint, ctypes.c_uint)


@dataclass(frozen=True, slots=True)
class Processor:
    """What an ELF file for a processor begins with (elf(5)), and QEMU's name for it."""

    qemu: str
    machine: int
    bits: int = 64
    is_big_endian: bool = False

    @property
    def magic(self) -> bytes:
        """The first 20 bytes of an executable."""
        order = ">" if self.is_big_endian else "<"
        ident = bytes((2 if self.bits == 64 else 1, 2 if self.is_big_endian else 1, 1))
        return b"\x7fELF" + ident + bytes(9) + struct.pack(f"{order}HH", 2, self.machine)

    @property
    def mask(self) -> bytes:
        """Which bits of these count: the ABI does not, and static PIE (type 3) is as good as 2."""
        kind = b"\xff\xfe" if self.is_big_endian else b"\xfe\xff"
        return b"\xff" * 7 + b"\x00" + b"\xff" * 8 + kind + b"\xff\xff"


PROCESSORS = {
    "386": Processor("i386", 3, bits=32),
    "amd64": Processor("x86_64", 62),
    "arm": Processor("arm", 40, bits=32),
    "arm64": Processor("aarch64", 183),
    "loong64": Processor("loongarch64", 258),
    "ppc64le": Processor("ppc64le", 21),
    "riscv64": Processor("riscv64", 243),
    "s390x": Processor("s390x", 22, is_big_endian=True),
}
"""By Go's name of the architecture."""

_RUNS_ITSELF = {
    "amd64": frozenset({"amd64", "386"}),
    "arm64": frozenset({"arm64", "arm"}),
}


def runs_itself(architecture: str, host: str) -> bool:
    """Tell whether a host's processor runs programs for an architecture, both in Go's words."""
    return architecture in _RUNS_ITSELF.get(host, frozenset({host}))


class FormatError(Exception):
    """Programs for a processor cannot be run; the message says what to do."""


class BinaryFormats:
    """The kernel's list of formats, as far as this process can reach it."""

    def __init__(self, directory: Path = DIRECTORY) -> None:
        self._directory = directory
        self._lock = threading.Lock()
        self._mount = -1

    def ensure(self, architecture: str) -> None:
        """See to it that programs for an architecture run. [blocking]

        Raises FormatError where they cannot.
        """
        processor = PROCESSORS.get(architecture)
        if processor is None:
            raise FormatError(f"there is no emulator for the architecture {architecture}")
        with self._lock, self._listed() as listed:
            if not _is_registered(listed, processor):
                _register(listed, processor, _interpreter(processor))

    def close(self) -> None:
        """Let go of the list; what was registered in it alone goes with it."""
        with self._lock:
            if self._mount >= 0:
                os.close(self._mount)
                self._mount = -1

    @contextmanager
    def _listed(self) -> Iterator[int]:
        """Yield a descriptor of the list's directory."""
        if (self._directory / "register").exists():
            descriptor = os.open(self._directory, os.O_PATH | os.O_DIRECTORY)
            try:
                yield descriptor
            finally:
                os.close(descriptor)
            return
        if self._mount < 0:
            self._mount = _open_file_system()
        yield self._mount


formats = BinaryFormats()
"""The one list of this process: what it registers lasts as long as the process."""


def _open_file_system() -> int:
    try:
        context = _fsopen(b"binfmt_misc", _FSOPEN_CLOEXEC)
        try:
            _fsconfig(context, _FSCONFIG_CMD_CREATE, None, None, 0)
            return _fsmount(context, _FSMOUNT_CLOEXEC, 0)
        finally:
            os.close(context)
    except OSError as error:
        raise FormatError(
            "the kernel runs no programs for other processors here: its file system binfmt_misc "
            f"cannot be mounted ({error.strerror}); load the module with modprobe binfmt_misc"
        ) from error


def _is_registered(listed: int, processor: Processor) -> bool:
    """Tell whether some enabled entry takes the processor's programs, whoever made it."""
    names = set(_names(listed)) - {"register", "status"}
    return any(_takes(_read(listed, name), processor) for name in names)


def _names(listed: int) -> list[str]:
    descriptor = os.open(".", os.O_RDONLY | os.O_DIRECTORY, dir_fd=listed)
    try:
        return os.listdir(descriptor)
    finally:
        os.close(descriptor)


def _read(listed: int, name: str) -> str:
    try:
        descriptor = os.open(name, os.O_RDONLY, dir_fd=listed)
    except FileNotFoundError:  # somebody removed it in between
        return ""
    try:
        return os.read(descriptor, _ENTRY_LIMIT).decode(errors="replace")
    finally:
        os.close(descriptor)


def _takes(entry: str, processor: Processor) -> bool:
    """Tell whether an entry as the kernel shows it matches a processor's executables."""
    lines = entry.splitlines()
    fields = dict(line.split(" ", 1) for line in lines if " " in line)
    try:
        offset = int(fields.get("offset", "0"))
        magic = bytes.fromhex(fields.get("magic", ""))
        mask = bytes.fromhex(fields.get("mask", "")) or b"\xff" * len(magic)
    except ValueError:
        return False
    if not lines or lines[0] != "enabled" or not magic or offset:
        return False
    ours = processor.magic
    pairs = zip(magic, mask, ours.ljust(len(magic), b"\0"), strict=False)
    return len(magic) <= len(ours) and all((a ^ c) & b == 0 for a, b, c in pairs)


def _interpreter(processor: Processor) -> str:
    """Return the path of QEMU for a processor, which must need no libraries of the container's."""
    for name in (f"qemu-{processor.qemu}-static", f"qemu-{processor.qemu}"):
        path = shutil.which(name)
        if path and _is_static(path):
            return os.path.realpath(path)
    raise FormatError(
        f"qemu-{processor.qemu}-static is not installed: install the package {PACKAGE} "
        f"(apt-get install {PACKAGE})"
    )


def _is_static(path: str) -> bool:
    """Tell whether a 64-bit program names no loader."""
    with open(path, "rb") as file:
        head = file.read(_HEAD_SIZE)
    if not head.startswith(b"\x7fELF") or head[4] != 2:
        return False
    order = ">" if head[5] == 2 else "<"
    offset = struct.unpack_from(f"{order}Q", head, 32)[0]
    size, count = struct.unpack_from(f"{order}HH", head, 54)
    starts = range(offset, min(offset + size * count, len(head) - 3), size or 1)
    return all(struct.unpack_from(f"{order}I", head, start)[0] != _PT_INTERP for start in starts)


def _register(listed: int, processor: Processor, interpreter: str) -> None:
    """Add an entry; F: the interpreter is opened now, so that containers need not have it."""
    name = f"boxship-{processor.qemu}"
    line = b":%s:M::%s:%s:%s:F" % (
        name.encode(),
        _escaped(processor.magic),
        _escaped(processor.mask),
        interpreter.encode(),
    )
    descriptor = os.open("register", os.O_WRONLY, dir_fd=listed)
    try:
        os.write(descriptor, line)
    except OSError as error:
        if error.errno != errno.EEXIST:
            raise FormatError(
                f"{interpreter} cannot be registered with the kernel: {error.strerror}; "
                f"reinstall {PACKAGE} on the host, which registers it"
            ) from error
    finally:
        os.close(descriptor)


def _escaped(data: bytes) -> bytes:
    return b"".join(b"\\x%02x" % byte for byte in data)
