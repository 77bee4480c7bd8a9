"""The engine on a machine without a service manager: the cgroupfs driver."""

import signal
import subprocess
from pathlib import Path

from tests.guest import containers, leftovers, sublinks
from tests.guest.kit import boxship, equal, expect, run, run_checks, until

_LOG = Path("/var/log/boxshipd.log")


class Daemon:
    """boxshipd as a child of the checks."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; returns when it answers."""
        with _LOG.open("ab") as log:
            self._process = subprocess.Popen(
                ("boxshipd",), stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        until(lambda: run("boxship", "-H", _SOCKET, "version").returncode == 0, "an answer")

    def end(self, number: signal.Signals) -> int:
        """Send a signal and return the exit status."""
        if self._process is None:
            raise AssertionError("no daemon was started")
        self._process.send_signal(number)
        return self._process.wait(timeout=60)


_SOCKET = "unix:///run/boxship/boxship.sock"
_daemon = Daemon()
_before: dict[str, set[str]] = {}


def daemon_starts() -> None:
    _daemon.start()
    _before.update(leftovers.snapshot())


def info_names_version_and_driver() -> None:
    found = boxship("info", "--format", "{{.CgroupVersion}} {{.CgroupDriver}}")
    equal(found, "2 cgroupfs")
    expect("Cgroup Version: 2" in boxship("info"), boxship("info"))
    options = boxship("info", "--format", "{{.SecurityOptions}}")
    expect("name=cgroupns" in options and "apparmor" not in options, options)


def group_is_below_the_default_parent() -> None:
    words = ("--cgroupns", "host", "busybox", "cat", "/proc/self/cgroup")
    equal(boxship("run", "--rm", *words).rpartition("/")[0], "0::/boxship")
    other = boxship("run", "--rm", "--cgroup-parent", "/other/place", *words)
    equal(other.rpartition("/")[0], "0::/other/place")


def killed_daemon_harms_no_container() -> None:
    pid = containers.remember_web()
    equal(_daemon.end(signal.SIGKILL), -signal.SIGKILL)
    _daemon.start()
    containers.web_is_unharmed(pid)


def nothing_is_left() -> None:
    leftovers.expect_none(_before)


def daemon_ends() -> None:
    equal(_daemon.end(signal.SIGTERM), 0)
    equal(leftovers.pinned_namespaces(), [])


def main() -> int:
    """Run all checks; returns how many failed."""
    failed = run_checks(
        (
            daemon_starts,
            info_names_version_and_driver,
            containers.image_is_loaded,
            group_is_below_the_default_parent,
            *containers.BEFORE_RESTART,
            *sublinks.CHECKS,
            killed_daemon_harms_no_container,
            containers.last_container_is_removed,
            nothing_is_left,
            daemon_ends,
        )
    )
    if failed:
        print(_LOG.read_text(), flush=True)
    return failed
