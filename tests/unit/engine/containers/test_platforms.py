"""Which images run here, and what is said of the others."""

from types import SimpleNamespace
from typing import Any

import pytest

from boxship.engine.containers import platforms
from boxship.errors import InvalidParameterError
from boxship.linux import binfmt
from boxship.oci.platform import host_platform, parse_platform


def image(text: str) -> Any:
    """An image of which only the platform counts."""
    return SimpleNamespace(config=SimpleNamespace(platform=parse_platform(text)))


def container(platform: str, *, pid: int = 1) -> Any:
    """A container of which only the platform counts, and whether it runs."""
    return SimpleNamespace(image_platform=platform, state=SimpleNamespace(pid=pid))


def test_the_host_is_fine() -> None:
    assert platforms.check(image(host_platform().text), "", "crun") == []


def test_another_processor_is_worth_a_word() -> None:
    (warning,) = platforms.check(image("linux/s390x"), "", "crun")
    assert warning.startswith("The requested image's platform (linux/s390x) does not match")
    assert platforms.check(image("linux/s390x"), "linux/s390x", "crun") == []


@pytest.mark.parametrize(
    ("platform", "runtime", "message"),
    [
        ("windows/amd64", "crun", 'image operating system "windows" cannot be used'),
        ("freebsd/amd64", "runc", 'image operating system "freebsd" cannot be used'),
        ("wasi/wasm", "crun", "the image is a WebAssembly module (wasi/wasm)"),
        ("wasip1/wasm", "io.containerd.runc.v2", "name a runtime that runs WebAssembly"),
    ],
)
def test_other_systems(platform: str, runtime: str, message: str) -> None:
    with pytest.raises(InvalidParameterError) as caught:
        platforms.check(image(platform), platform, runtime)
    assert message in str(caught.value)


def test_wasm_with_a_runtime_for_it() -> None:
    assert platforms.check(image("wasi/wasm"), "", "io.containerd.wasmtime.v1") == []


async def test_emulators_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def ensure(architecture: str) -> None:
        asked.append(architecture)
        raise binfmt.FormatError("not here")

    monkeypatch.setattr(binfmt.formats, "ensure", ensure)
    running = [
        container(host_platform().text),
        container("linux/riscv64"),
        container("linux/riscv64"),
        container("linux/s390x", pid=0),
        container("linux/mips"),
        container("linux"),
        container(""),
    ]
    await platforms.emulate(running)
    assert asked == ["riscv64"]
