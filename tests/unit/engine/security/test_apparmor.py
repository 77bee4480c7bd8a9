"""Which AppArmor profile a container gets, and what is said when there is none."""

from pathlib import Path

import pytest

from boxship.engine.security import apparmor
from boxship.errors import InvalidParameterError, NotSupportedError


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A kernel that enforces AppArmor, with one profile; returns the list of loaded profiles."""
    enabled, loaded = tmp_path / "enabled", tmp_path / "profiles"
    enabled.write_text("Y\n")
    loaded.write_text("/usr/bin/man (enforce)\nown (complain)\n")
    monkeypatch.setattr(apparmor, "_ENABLED", enabled)
    monkeypatch.setattr(apparmor, "_LOADED", loaded)
    monkeypatch.setenv("PATH", str(tmp_path))
    return loaded


@pytest.mark.parametrize(
    ("wanted", "default", "privileged", "profile"),
    [
        ("", "docker-default", False, "docker-default"),
        ("", "docker-default", True, "unconfined"),
        ("own", "docker-default", True, "own"),
        ("unconfined", "docker-default", False, "unconfined"),
        ("own", "", False, ""),
    ],
)
def test_choice(wanted: str, default: str, privileged: bool, profile: str) -> None:
    assert apparmor.choose(wanted, default, privileged=privileged) == profile


@pytest.mark.usefixtures("kernel")
def test_not_usable_without_the_parser(caplog: pytest.LogCaptureFixture) -> None:
    assert not apparmor.is_usable()
    assert "install the package apparmor" in caplog.text


def test_usable_when_the_default_is_loaded(kernel: Path) -> None:
    kernel.write_text("docker-default (enforce)\n")
    assert apparmor.is_usable()
    apparmor.require("docker-default")


def test_not_usable_when_switched_off(kernel: Path) -> None:
    kernel.with_name("enabled").write_text("N\n")
    assert not apparmor.is_usable()


@pytest.mark.usefixtures("kernel")
def test_loaded_profile_is_enough() -> None:
    apparmor.require("own")
    apparmor.require("unconfined")


@pytest.mark.usefixtures("kernel")
def test_missing_profile_is_named() -> None:
    with pytest.raises(InvalidParameterError, match="profile other is not loaded"):
        apparmor.require("other")


def test_default_is_loaded_through_the_parser(kernel: Path) -> None:
    parser = kernel.with_name("apparmor_parser")
    parser.write_text(f"#!/bin/sh\n/bin/cat >{kernel}.given\n")
    parser.chmod(0o755)
    apparmor.require("docker-default")
    assert "profile docker-default flags=" in Path(f"{kernel}.given").read_text()


def test_refusal_of_the_parser_is_told(kernel: Path) -> None:
    parser = kernel.with_name("apparmor_parser")
    parser.write_text("#!/bin/sh\necho 'syntax error' >&2; exit 1\n")
    parser.chmod(0o755)
    with pytest.raises(NotSupportedError, match="syntax error"):
        apparmor.require("docker-default")


@pytest.mark.usefixtures("kernel")
def test_default_cannot_be_loaded_without_the_parser() -> None:
    with pytest.raises(NotSupportedError, match="install the package apparmor"):
        apparmor.require("docker-default")
