"""The test kit itself: isolation, registries, the outside network."""

import os
from pathlib import Path

import pytest

from boxship.entrypoints import base_image
from boxship.oci import media_types
from tests.support.daemon import links
from tests.support.lan import HOST_ADDRESS, OUTSIDE_ADDRESS, Lan
from tests.support.registry import (
    BASIC,
    Registry,
    TokenRegistry,
    push_image,
    registry_authorization,
)


def test_the_run_has_a_network_of_its_own() -> None:
    assert os.readlink("/proc/self/ns/net") != os.readlink(f"/proc/{os.getppid()}/ns/net")
    assert "lo" in links()


def test_files_below_run_do_not_reach_the_host() -> None:
    Path("/run/boxship-test-mark").touch()
    assert not Path(f"/proc/{os.getppid()}/root/run/boxship-test-mark").exists()


def test_control_groups_are_still_there() -> None:
    assert any(Path("/sys/fs/cgroup").iterdir())


def test_the_outside_answers(lan: Lan) -> None:
    assert "1 packets received" in lan.run(["busybox", "ping", "-c1", "-w2", HOST_ADDRESS])
    assert OUTSIDE_ADDRESS in lan.run(["ip", "addr"])


def test_the_open_registry_holds_busybox(registry: Registry) -> None:
    assert _manifest(registry, "library/busybox") == base_image.busybox_image().digest


def test_the_registry_with_passwords(registry_basic: Registry) -> None:
    push_image(registry_basic, "busybox")
    assert _status(registry_basic, "/v2/", {}) == 401
    assert _status(registry_basic, "/v2/", {"Authorization": BASIC}) == 200


def test_the_registry_with_tokens(registry_token: TokenRegistry) -> None:
    push_image(registry_token, "busybox")
    token = {"Authorization": registry_authorization(registry_token)}
    assert _status(registry_token, "/v2/busybox/manifests/latest", {}) == 401
    assert _status(registry_token, "/v2/busybox/manifests/latest", token) == 200
    query = {"scope": ["repository:private/busybox:pull"]}
    assert registry_token.tokens.answer(query, BASIC)
    assert registry_token.tokens.answer(query, "Basic bm86bm8=") is None


def test_the_registry_with_tls(registry_tls: Registry) -> None:
    assert _status(registry_tls, "/v2/", {}) == 200


@pytest.mark.parametrize("path", ["bin/sh", "etc/passwd", "tmp"])
def test_the_unpacked_root(busybox_root: Path, path: str) -> None:
    assert (busybox_root / path).is_symlink() or (busybox_root / path).exists()


def _status(registry: Registry, target: str, headers: dict[str, str]) -> int:
    connection = registry.connect()
    connection.request("GET", target, headers={"Accept": media_types.OCI_MANIFEST, **headers})
    response = connection.getresponse()
    response.read()
    connection.close()
    return response.status


def _manifest(registry: Registry, name: str) -> str:
    connection = registry.connect()
    accept = {"Accept": media_types.OCI_MANIFEST}
    connection.request("GET", f"/v2/{name}/manifests/latest", headers=accept)
    response = connection.getresponse()
    response.read()
    connection.close()
    return response.getheader("Docker-Content-Digest") or ""
