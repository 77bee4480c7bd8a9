from pathlib import Path

import pytest

from boxship.linux.privileges import Capability, of_this_process


def write(proc: Path, effective: str, uid_map: str) -> Path:
    (proc / "status").write_text(f"Name:\tx\nCapEff:\t{effective}\nSeccomp:\t0\n")
    (proc / "uid_map").write_text(uid_map)
    return proc


@pytest.mark.parametrize(
    ("effective", "uid_map", "missing", "devices"),
    [
        ("000001ffffffffff", "         0          0 4294967295\n", [], True),
        ("000001ffffffffff", "         0       1000          1\n", [], False),
        (
            "0000000000000000",
            "         0          0 4294967295\n",
            ["CAP_SYS_ADMIN", "CAP_NET_ADMIN", "CAP_CHOWN", "CAP_DAC_OVERRIDE"],
            False,
        ),
    ],
)
def test_privileges(
    tmp_path: Path, effective: str, uid_map: str, missing: list[str], devices: bool
) -> None:
    privileges = of_this_process(write(tmp_path, effective, uid_map))
    assert privileges.missing() == missing
    assert privileges.may_make_devices is devices


def test_a_single_capability(tmp_path: Path) -> None:
    privileges = of_this_process(write(tmp_path, f"{1 << 12:016x}", "0 0 4294967295"))
    assert privileges.has(Capability.NET_ADMIN)
    assert not privileges.has(Capability.SYS_ADMIN)
