"""Scripts and service files: they parse, and say what the engine relies on."""

import configparser
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = sorted([*ROOT.glob("packaging/*.sh"), *ROOT.glob("bench/*.sh"), ROOT / ".ci/run"])


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_scripts_parse_and_stop_at_errors(script: Path) -> None:
    subprocess.run(["bash", "-n", script], check=True)
    assert "\nset -euo pipefail\n" in script.read_text()
    assert script.stat().st_mode & 0o111


def test_the_init_script_parses() -> None:
    subprocess.run(["sh", "-n", ROOT / "packaging/sysv/boxship"], check=True)


def _unit(name: str) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(ROOT / "packaging/systemd" / name)
    return parser


def test_containers_outlive_the_service() -> None:
    service = _unit("boxship.service")["Service"]
    assert service["KillMode"] == "process"
    assert service["Delegate"] == "yes"
    assert service["Type"] == "notify"


def test_the_socket_belongs_to_the_group() -> None:
    socket = _unit("boxship.socket")["Socket"]
    assert socket["ListenStream"] == "/run/boxship/boxship.sock"
    assert (socket["SocketMode"], socket["SocketGroup"]) == ("0660", "boxship")
