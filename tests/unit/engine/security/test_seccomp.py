from typing import Any

import pytest

from boxship.engine.security import seccomp
from boxship.errors import InvalidParameterError

PROFILE: dict[str, Any] = {
    "defaultAction": "SCMP_ACT_ERRNO",
    "defaultErrnoRet": 38,
    "archMap": [{"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86"]}],
    "syscalls": [
        {"names": ["read"], "action": "SCMP_ACT_ALLOW", "args": [], "includes": {}},
        {"names": ["arm"], "action": "SCMP_ACT_ALLOW", "includes": {"arches": ["arm64"]}},
        {"names": ["mount"], "action": "SCMP_ACT_ALLOW", "includes": {"caps": ["CAP_SYS_ADMIN"]}},
        {
            "names": ["mount"],
            "action": "SCMP_ACT_ERRNO",
            "errnoRet": 1,
            "excludes": {"caps": ["CAP_SYS_ADMIN"]},
        },
        {"names": ["ptrace"], "action": "SCMP_ACT_ALLOW", "includes": {"minKernel": "4.8"}},
    ],
}


def names(
    capabilities: frozenset[str], machine: str = "x86_64", kernel: tuple[int, int] = (6, 1)
) -> list[tuple[str, str]]:
    plain = seccomp.plain(PROFILE, capabilities, machine, kernel)
    return [(rule["names"][0], rule["action"][9:]) for rule in plain["syscalls"]]


def test_conditions() -> None:
    assert names(frozenset()) == [("read", "ALLOW"), ("mount", "ERRNO"), ("ptrace", "ALLOW")]
    assert ("mount", "ALLOW") in names(frozenset({"CAP_SYS_ADMIN"}))
    assert ("arm", "ALLOW") in names(frozenset(), machine="aarch64")
    assert ("ptrace", "ALLOW") not in names(frozenset(), kernel=(4, 7))


def test_plain_form() -> None:
    plain = seccomp.plain(PROFILE, frozenset(), "x86_64", (6, 1))
    assert plain["architectures"] == ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"]
    assert plain["defaultErrnoRet"] == 38
    assert plain["syscalls"][0] == {"names": ["read"], "action": "SCMP_ACT_ALLOW"}


def test_profiles_that_are_none() -> None:
    assert seccomp.resolve("unconfined", ()) is None
    for text in ("{", "[]", "{}"):
        with pytest.raises(InvalidParameterError, match="Decoding seccomp profile failed"):
            seccomp.resolve(text, ())


def test_the_default_profile_is_resolved_once() -> None:
    assert seccomp.resolve("", ("CAP_CHOWN",)) is seccomp.resolve("", ("CAP_CHOWN",))
