"""The engine as a service of systemd: the systemd driver, socket activation, AppArmor."""

from pathlib import Path

from tests.guest import apparmor, containers, leftovers
from tests.guest.kit import (
    CGROUPS,
    boxship,
    equal,
    expect,
    group_of,
    output,
    read,
    refused,
    run,
    run_checks,
    until,
)

_before: dict[str, set[str]] = {}


def first_client_starts_the_service() -> None:
    equal(output("systemctl", "is-active", "boxship.socket"), "active")
    equal(run("systemctl", "is-active", "boxship").stdout.strip(), "inactive")
    boxship("version")
    equal(output("systemctl", "is-active", "boxship"), "active")
    mode = output("stat", "-c", "%U:%G %a", "/run/boxship/boxship.sock")
    equal(mode, "root:boxship 660")
    _before.update(leftovers.snapshot())


def info_names_version_and_driver() -> None:
    found = boxship("info", "--format", "{{.CgroupVersion}} {{.CgroupDriver}}")
    equal(found, "2 systemd")


def container_has_a_scope() -> None:
    container = boxship("run", "-d", "--name", "scoped", "-m", "64m", "busybox", "sleep", "1000")
    unit = f"boxship-{container}.scope"
    equal(output("systemctl", "is-active", unit), "active")
    scope = CGROUPS / "system.slice" / unit
    # crun limits a group inside of the scope, where systemd changes nothing (Delegate=yes).
    group = group_of("scoped")
    expect(group == scope or group.parent == scope, group)
    equal(read(group / "memory.max"), str(64 << 20))
    output("systemctl", "daemon-reload")
    equal(read(group / "memory.max"), str(64 << 20))
    boxship("rm", "-f", "scoped")
    until(lambda: _scopes() == "", "the end of the scope")
    expect(not scope.exists(), scope)


def scope_ends_with_its_container() -> None:
    boxship("run", "--rm", "busybox", "true")
    boxship("run", "--name", "ended", "busybox", "true")
    until(lambda: _scopes() == "", "the end of the scope")
    boxship("start", "ended")
    boxship("rm", "-f", "ended")


def slice_can_be_chosen() -> None:
    container = boxship("run", "-d", "--cgroup-parent", "guests.slice", "busybox", "sleep", "1000")
    expect((CGROUPS / "guests.slice" / f"boxship-{container}.scope").exists(), _scopes())
    boxship("rm", "-f", container)
    code, message = refused("run", "--cgroup-parent", "/not/a/slice", "busybox", "true")
    equal(code, 125)
    expect('named as "xxx.slice"' in message, message)


def _scopes() -> str:
    return output("systemctl", "list-units", "--all", "--plain", "--no-legend", "boxship-*.scope")


def restart_harms_no_container() -> None:
    pid = containers.remember_web()
    first = _main_pid()
    output("systemctl", "restart", "boxship")
    expect(_main_pid() != first, first)
    containers.web_is_unharmed(pid)


def killed_daemon_is_started_again() -> None:
    pid = containers.remember_web()
    first = _main_pid()
    output("kill", "-9", first)
    until(lambda: _main_pid() not in ("0", first), "a new daemon")
    containers.web_is_unharmed(pid)


def stopped_service_harms_no_container() -> None:
    pid = containers.remember_web()
    output("systemctl", "stop", "boxship")
    equal(run("systemctl", "is-active", "boxship").stdout.strip(), "inactive")
    expect(Path(f"/proc/{pid}").exists(), pid)
    containers.web_is_unharmed(pid)
    equal(output("systemctl", "is-active", "boxship"), "active")


def reload_works() -> None:
    first = _main_pid()
    Path("/etc/boxship/daemon.json").write_text('{"labels": ["place=guest"]}')
    output("systemctl", "reload", "boxship")
    until(lambda: boxship("info", "--format", "{{.Labels}}") == "[place=guest]", "the reload")
    equal(_main_pid(), first)


def _main_pid() -> str:
    return output("systemctl", "show", "-P", "MainPID", "boxship")


def nothing_is_left() -> None:
    leftovers.expect_none(_before)
    equal(_scopes(), "")


def driver_can_be_chosen() -> None:
    Path("/etc/boxship/daemon.json").write_text('{"exec-opts": ["native.cgroupdriver=cgroupfs"]}')
    output("systemctl", "restart", "boxship")
    equal(boxship("info", "--format", "{{.CgroupDriver}}"), "cgroupfs")
    container = boxship("run", "-d", "-m", "64m", "busybox", "sleep", "1000")
    equal((CGROUPS / "boxship" / container / "memory.max").read_text().strip(), str(64 << 20))
    boxship("rm", "-f", container)


def main() -> int:
    """Run all checks; returns how many failed."""
    failed = run_checks(
        (
            first_client_starts_the_service,
            info_names_version_and_driver,
            containers.image_is_loaded,
            container_has_a_scope,
            scope_ends_with_its_container,
            slice_can_be_chosen,
            *apparmor.CHECKS,
            *containers.BEFORE_RESTART,
            restart_harms_no_container,
            killed_daemon_is_started_again,
            stopped_service_harms_no_container,
            reload_works,
            containers.last_container_is_removed,
            nothing_is_left,
            driver_can_be_chosen,
        )
    )
    if failed:
        print(output("journalctl", "-b", "-u", "boxship", "--no-pager", "-n", "60"), flush=True)
    return failed
