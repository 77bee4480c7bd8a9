"""Containers for another processor than this machine's, and for other operating systems."""

import os
from pathlib import Path

import pytest

from tests.support.cli import Cli, boxship_cli
from tests.support.fixtures import StartDaemon
from tests.support.images import Content, image, image_for, layer
from tests.support.programs import arm64_program
from tests.support.registry import Registry, push_index

_QEMU = Path(__file__).parents[2] / ".tools/qemu-user-static/usr/bin"
ARM64 = "linux/arm64"
_SCRIPT = "#!/hello\n"
_RISCV = 243


@pytest.fixture(scope="module")
def foreign(registry: Registry) -> str:
    """The name of an image with an arm64 program, and a script that it interprets."""
    files: dict[str, Content] = {"hello": arm64_program(b"hello from arm64\n"), "script": _SCRIPT}
    made = image_for(ARM64, layer(files), command=["/hello"])
    return push_index(registry, "emulated:1", {ARM64: made, "linux/amd64": image()})[0].familiar


def commands(start_daemon: StartDaemon, path: str) -> Cli:
    """Our command against a daemon that finds its programs in ``path``."""
    daemon = start_daemon(env={**os.environ, "PATH": path})
    return boxship_cli(daemon.host, daemon.scratch / "home")


def test_emulated(start_daemon: StartDaemon, foreign: str) -> None:
    boxship = commands(start_daemon, f"{_QEMU}:{os.environ['PATH']}")
    run = ("run", "--rm", "--platform", ARM64)
    assert boxship(*run, foreign) == "hello from arm64"
    assert boxship(*run, "--entrypoint", "/script", foreign) == "hello from arm64"
    assert boxship(*run, "--init", foreign) == "hello from arm64"
    done = boxship.run("run", "--rm", foreign)
    assert done.stdout == "hello from arm64\n"
    assert done.stderr.startswith(
        "WARNING: The requested image's platform (linux/arm64) does not match the detected host "
        "platform (linux/amd64) and no specific platform was requested"
    )


def test_without_an_emulator(boxship: Cli, registry: Registry) -> None:
    program = bytearray(arm64_program(b""))
    program[18] = _RISCV
    tar = layer({"hello": bytes(program), "script": _SCRIPT})
    made = image_for("linux/riscv64", tar, command=["/hello"])
    name, _ = push_index(registry, "emulated:none", {"linux/riscv64": made})
    run = ("run", "--rm", "--platform", "linux/riscv64")
    said = boxship.fails(*run, name.familiar)
    assert "exec format error: /hello is a program for linux/riscv64, this machine is" in said
    assert "qemu-riscv64-static is not installed: install the package qemu-user-static" in said
    said = boxship.fails(*run, "--entrypoint", "/script", name.familiar)
    assert "/hello is a program for linux/riscv64" in said


@pytest.mark.parametrize(
    ("platform", "message"),
    [
        (
            "windows/amd64",
            'image operating system "windows" cannot be used on this platform: operating system is '
            "not supported: the image is for windows/amd64",
        ),
        (
            "wasi/wasm",
            "the image is a WebAssembly module (wasi/wasm), and the runtime crun runs Linux "
            "programs",
        ),
    ],
)
def test_other_systems(boxship: Cli, registry: Registry, platform: str, message: str) -> None:
    name, _ = push_index(registry, "systems:1", {platform: image_for(platform)})
    boxship("pull", "-q", "--platform", platform, name.familiar)
    assert boxship("image", "inspect", "-f", "{{.Os}}/{{.Architecture}}", name.familiar) == platform
    assert name.familiar_name in boxship("images", "--format", "{{.Repository}}")
    assert message in boxship.fails("run", "--rm", "--platform", platform, name.familiar)
    boxship("rmi", name.familiar)
