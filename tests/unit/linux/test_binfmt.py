"""What the kernel is told of programs for other processors."""

from pathlib import Path

import pytest

from boxship.linux import binfmt
from boxship.linux.binfmt import PROCESSORS, BinaryFormats, FormatError, Processor, runs_itself
from tests.support.programs import arm64_program

ARM64 = PROCESSORS["arm64"]
ENTRY = """enabled
interpreter /usr/bin/qemu-aarch64-static
flags: {flags}
offset {offset}
magic {magic}
mask {mask}
"""


def entry(
    processor: Processor = ARM64, *, offset: int = 0, mask: str = "", flags: str = "OCF"
) -> str:
    """An entry as the kernel shows it."""
    shown = mask or processor.mask.hex()
    return ENTRY.format(magic=processor.magic.hex(), offset=offset, mask=shown, flags=flags)


@pytest.mark.parametrize(
    ("name", "magic", "mask"),
    [
        (
            "arm64",
            "7f454c460201010000000000000000000200b700",
            "ffffffffffffff00fffffffffffffffffeffffff",
        ),
        (
            "arm",
            "7f454c4601010100000000000000000002002800",
            "ffffffffffffff00fffffffffffffffffeffffff",
        ),
        (
            "s390x",
            "7f454c4602020100000000000000000000020016",
            "ffffffffffffff00fffffffffffffffffffeffff",
        ),
        (
            "riscv64",
            "7f454c460201010000000000000000000200f300",
            "ffffffffffffff00fffffffffffffffffeffffff",
        ),
    ],
)
def test_what_marks_a_program(name: str, magic: str, mask: str) -> None:
    assert PROCESSORS[name].magic.hex() == magic
    assert PROCESSORS[name].mask.hex() == mask


@pytest.mark.parametrize("kind", [2, 3])
def test_a_program_is_recognised(kind: int) -> None:
    head = bytearray(arm64_program(b"hello")[:20])
    head[16] = kind
    masked = bytes(a & b for a, b in zip(head, ARM64.mask, strict=True))
    assert masked == bytes(a & b for a, b in zip(ARM64.magic, ARM64.mask, strict=True))


@pytest.mark.parametrize(
    ("shown", "taken"),
    [
        (entry(), True),
        (entry(flags="F"), True),
        (entry(mask="ff" * 20), True),
        (entry().replace("enabled", "disabled"), False),
        (entry(PROCESSORS["riscv64"]), False),
        (entry(offset=4), False),
        ("enabled\ninterpreter /x\nflags: \nextension .py\n", False),
        ("enabled\n", False),
        ("", False),
        (entry().replace("magic 7f", "magic zz"), False),
    ],
)
def test_entries_of_others(shown: str, taken: bool) -> None:
    assert binfmt._takes(shown, ARM64) is taken


@pytest.mark.parametrize(
    ("architecture", "host", "native"),
    [
        ("amd64", "amd64", True),
        ("386", "amd64", True),
        ("arm", "arm64", True),
        ("arm64", "amd64", False),
        ("amd64", "arm64", False),
        ("s390x", "s390x", True),
    ],
)
def test_what_a_processor_runs_itself(architecture: str, host: str, native: bool) -> None:
    assert runs_itself(architecture, host) is native


def formats(tmp_path: Path) -> BinaryFormats:
    """A list that plain files stand for."""
    (tmp_path / "register").touch()
    (tmp_path / "status").write_text("enabled\n")
    return BinaryFormats(tmp_path)


def test_registered_by_others(tmp_path: Path) -> None:
    (tmp_path / "qemu-aarch64").write_text(entry())
    formats(tmp_path).ensure("arm64")
    assert (tmp_path / "register").read_bytes() == b""


def test_a_new_entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    emulator = tmp_path / "bin" / "qemu-aarch64-static"
    emulator.parent.mkdir()
    emulator.write_bytes(arm64_program(b"no loader"))
    emulator.chmod(0o755)
    monkeypatch.setenv("PATH", str(emulator.parent))
    directory = tmp_path / "formats"
    directory.mkdir()
    formats(directory).ensure("arm64")
    line = (directory / "register").read_bytes()
    assert line.startswith(rb":boxship-aarch64:M::\x7f\x45\x4c\x46\x02\x01\x01\x00")
    assert line.endswith(b":%s:F" % bytes(emulator))


@pytest.mark.parametrize(
    ("architecture", "message"),
    [
        ("riscv64", "qemu-riscv64-static is not installed: install the package qemu-user-static"),
        ("mips", "there is no emulator for the architecture mips"),
    ],
)
def test_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, architecture: str, message: str
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(FormatError) as caught:
        formats(tmp_path).ensure(architecture)
    assert message in str(caught.value)


def test_an_emulator_with_libraries_does_not_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = bytearray(arm64_program(b"dynamic"))
    program[64] = 3  # its segment is the path of a loader
    emulator = tmp_path / "qemu-aarch64"
    emulator.write_bytes(program)
    emulator.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(FormatError, match="install the package qemu-user-static"):
        formats(tmp_path).ensure("arm64")
