from pathlib import Path
from typing import Any

import pytest

from boxship.engine.runtime import devices, limits, spec
from boxship.engine.runtime.workload import (
    DeviceLimit,
    Mount,
    Namespaces,
    Process,
    Resources,
    Security,
    Ulimit,
    Workload,
)
from boxship.engine.security import capabilities
from boxship.errors import InvalidParameterError

HOST = spec.Host(capabilities=capabilities.ALL)


def build(tmp_path: Path, host: spec.Host = HOST, **changes: Any) -> dict[str, Any]:
    process = Process(args=("true",), env=("A=1",), **changes.pop("process", {}))
    return spec.build(
        Workload(id="c" * 64, process=process, rootfs=tmp_path, hostname="box", **changes), host
    )


def mounts(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {mount["destination"]: mount for mount in document["mounts"]}


def test_defaults(tmp_path: Path) -> None:
    document = build(tmp_path)
    linux = document["linux"]
    assert document["hostname"] == "box"
    assert linux["cgroupsPath"] == f"/boxship/{'c' * 64}"
    assert [one["type"] for one in linux["namespaces"]] == [
        "mount",
        "network",
        "uts",
        "pid",
        "ipc",
        "cgroup",
    ]
    assert "/proc/kcore" in linux["maskedPaths"]
    assert "/proc/sys" in linux["readonlyPaths"]
    assert linux["sysctl"]["net.ipv4.ip_unprivileged_port_start"] == "0"
    assert linux["seccomp"]["defaultAction"] == "SCMP_ACT_ERRNO"
    assert "ro" in mounts(document)["/sys"]["options"]
    assert set(document["process"]["capabilities"]["effective"]) == set(capabilities.DEFAULT)


def test_another_user_holds_nothing(tmp_path: Path) -> None:
    sets = build(tmp_path, process={"user": "1000"})["process"]["capabilities"]
    assert list(sets) == ["bounding"]


def test_privileged(tmp_path: Path) -> None:
    document = build(tmp_path, security=Security(privileged=True))
    linux = document["linux"]
    assert "seccomp" not in linux
    assert linux["maskedPaths"] == []
    assert linux["resources"]["devices"] == [devices.ALLOW_ALL]
    assert any(node["path"] == "/dev/null" for node in linux["devices"])
    assert "rw" in mounts(document)["/sys/fs/cgroup"]["options"]


def test_namespaces_of_others(tmp_path: Path) -> None:
    document = build(
        tmp_path,
        namespaces=Namespaces(network="/run/netns/x", pid="host", uts="host", ipc="host"),
    )
    namespaces = document["linux"]["namespaces"]
    assert {"type": "network", "path": "/run/netns/x"} in namespaces
    assert not {"pid", "uts", "ipc"} & {one["type"] for one in namespaces}
    assert "hostname" not in document
    assert mounts(document)["/dev/shm"]["source"] == "/dev/shm"


def test_mounts_replace_standard_ones(tmp_path: Path) -> None:
    own = Mount(type="bind", source="/x", destination="/dev/shm", options=("rbind", "rslave"))
    document = build(tmp_path, mounts=(own,))
    assert mounts(document)["/dev/shm"]["source"] == "/x"
    assert document["linux"]["rootfsPropagation"] == "rslave"


def test_systemd_slice(tmp_path: Path) -> None:
    host = spec.Host(
        capabilities=capabilities.ALL, systemd_cgroups=True, cgroup_parent="system.slice"
    )
    path = build(tmp_path, host)["linux"]["cgroupsPath"]
    assert path == f"system.slice:boxship:{'c' * 64}"


@pytest.mark.parametrize("parent", ["", "guests.slice", "/anything"])
def test_group_parent_fits_cgroupfs(parent: str) -> None:
    spec.check_cgroup_parent(parent, HOST)


def test_group_parent_is_a_slice_with_systemd() -> None:
    host = spec.Host(capabilities=(), systemd_cgroups=True)
    spec.check_cgroup_parent("guests.slice", host)
    for parent in ("/not/a/slice", "a/b.slice", ".slice"):
        with pytest.raises(InvalidParameterError, match=r'named as "xxx\.slice"'):
            spec.check_cgroup_parent(parent, host)


def test_ulimits_and_terminal(tmp_path: Path) -> None:
    document = build(
        tmp_path,
        process={"terminal": True, "console_size": (24, 80)},
        resources=Resources(ulimits=(Ulimit(name="core", soft=0, hard=-1),)),
    )
    assert document["process"]["consoleSize"] == {"height": 24, "width": 80}
    assert document["process"]["rlimits"] == [
        {"type": "RLIMIT_CORE", "soft": 0, "hard": (1 << 64) - 1}
    ]


def test_no_command(tmp_path: Path) -> None:
    workload = Workload(id="c", process=Process(args=()), rootfs=tmp_path)
    with pytest.raises(InvalidParameterError, match="no command specified"):
        spec.build(workload, HOST)


def test_limits() -> None:
    wanted = Resources(memory=100, nano_cpus=1_500_000_000, cpu_shares=2, pids_limit=-1)
    assert limits.resources(wanted) == {
        "memory": {"limit": 100, "swap": 200},
        "cpu": {"shares": 2, "quota": 150_000, "period": 100_000},
    }
    assert limits.resources(wanted, swap_accounting=False)["memory"] == {"limit": 100}
    assert limits.update_document(wanted)["pids"]["limit"] >= 1 << 22  # as good as none
    assert limits.resources(Resources()) == {}


def test_limit_of_what_is_no_block_device() -> None:
    wanted = Resources(blkio_read_bps=(DeviceLimit(path="/dev/null", value=1),))
    with pytest.raises(InvalidParameterError, match="not a block device"):
        limits.resources(wanted)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("c 1:3 rwm", {"allow": True, "type": "c", "major": 1, "minor": 3, "access": "rwm"}),
        ("a *:* r", {"allow": True, "type": "a", "access": "r"}),
        ("b 8:* w", {"allow": True, "type": "b", "major": 8, "access": "w"}),
    ],
)
def test_device_rules(text: str, rule: dict[str, Any]) -> None:
    assert devices.parse_rule(text) == rule


@pytest.mark.parametrize("text", ["", "c 1:3", "x 1:3 r", "c 1 r", "c a:b r", "c 1:3 q"])
def test_bad_device_rules(text: str) -> None:
    with pytest.raises(InvalidParameterError, match="invalid device cgroup rule format"):
        devices.parse_rule(text)
