"""Checks of AppArmor: which profile a container gets."""

import subprocess

from tests.guest.kit import boxship, equal, expect, inspect, refused

_DEFAULT = "docker-default"
_SHOW = ("busybox", "cat", "/proc/self/attr/current")
_OWN = """profile guest-own flags=(attach_disconnected,mediate_deleted) {
  file, network, capability, signal,
}
"""


def _run(*words: str) -> str:
    return boxship("run", "--rm", *words, *_SHOW)


def default_profile_is_enforced() -> None:
    expect("name=apparmor" in boxship("info", "--format", "{{.SecurityOptions}}"), "no apparmor")
    equal(_run(), f"{_DEFAULT} (enforce)")
    script = ("busybox", "sh", "-c", "mount -t tmpfs x /tmp")
    code, message = refused("run", "--rm", "--cap-add", "SYS_ADMIN", *script)
    expect("ermission denied" in message, (code, message))


def exec_has_the_profile_too() -> None:
    boxship("run", "-d", "--name", "confined", "busybox", "sleep", "1000")
    equal(inspect("confined")["AppArmorProfile"], _DEFAULT)
    equal(boxship("exec", "confined", *_SHOW[1:]), f"{_DEFAULT} (enforce)")
    equal(boxship("exec", "--privileged", "confined", *_SHOW[1:]), "unconfined")
    boxship("stop", "-t", "1", "confined")
    boxship("rm", "-f", "confined")


def profile_can_be_unconfined() -> None:
    equal(_run("--security-opt", "apparmor=unconfined"), "unconfined")
    equal(_run("--privileged"), "unconfined")


def profile_can_be_chosen() -> None:
    subprocess.run(("apparmor_parser", "-Kr"), input=_OWN.encode(), check=True)
    equal(_run("--security-opt", "apparmor=guest-own"), "guest-own (enforce)")


def missing_profile_is_named() -> None:
    code, message = refused("run", "--rm", "--security-opt", "apparmor=missing", "busybox", "true")
    equal(code, 125)
    expect("missing" in message and "apparmor_parser" in message, message)


def unloaded_default_is_loaded_again() -> None:
    text = f"profile {_DEFAULT} {{ }}"
    subprocess.run(("apparmor_parser", "-R"), input=text.encode(), check=True)
    equal(_run(), f"{_DEFAULT} (enforce)")


CHECKS = (
    default_profile_is_enforced,
    exec_has_the_profile_too,
    profile_can_be_unconfined,
    profile_can_be_chosen,
    missing_profile_is_named,
    unloaded_default_is_loaded_again,
)
