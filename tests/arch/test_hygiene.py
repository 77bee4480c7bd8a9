"""The linters pass, and the text of the project keeps to its rules."""

import subprocess
import sys
import tomllib

import pytest

from tests.arch.sources import ROOT

# Package registries differ from machine to machine: no file may name one. (Split, so that this
# file does not.)
_REGISTRY_HOSTS = (
    "pypi." + "org",
    "python" + "hosted.org",
    "npm" + "js.org",
    "npm" + "js.com",
    "deb.debian" + ".org",
    "security.debian" + ".org",
    "proxy.golang" + ".org",
    "archive.ubuntu" + ".com",
)


def _tracked_files() -> list[str]:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return [name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def _tool(*arguments: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", *arguments], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_ruff_finds_nothing() -> None:
    _tool("ruff", "check", ".")


def test_the_code_is_formatted() -> None:
    _tool("ruff", "format", "--check", ".")


@pytest.mark.timeout(600)
def test_mypy_finds_nothing() -> None:
    _tool("mypy")


@pytest.mark.parametrize("host", _REGISTRY_HOSTS)
def test_no_file_names_a_package_registry(host: str) -> None:
    naming = [
        name for name in _tracked_files() if host.encode() in (ROOT / name).read_bytes().lower()
    ]
    assert naming == []


def test_every_dependency_is_locked_with_hashes() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = {
        "requirements.lock": project["dependencies"],
        "requirements-dev.lock": [
            *project["dependencies"],
            *project["optional-dependencies"]["test"],
        ],
    }
    for lock, requirements in wanted.items():
        text = (ROOT / lock).read_text()
        for requirement in requirements:
            assert f"\n{requirement.partition('>')[0]}==" in f"\n{text}", (lock, requirement)
        assert text.count("==") <= text.count("--hash=sha256:")
