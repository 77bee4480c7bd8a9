"""A storage service on every snapshot driver that this kernel can run."""

import os
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from boxship.engine.storage.service import StorageService
from boxship.linux import mount
from tests.support.snapshots import disk, drivers

_NUMBERS = count()


@pytest.fixture(params=drivers())
def driver(request: pytest.FixtureRequest) -> str:
    """Name of the driver under test."""
    name: str = request.param
    return name


@pytest.fixture(scope="session")
def btrfs(scratch_root: Path) -> Iterator[Path]:
    """A btrfs of the run's own."""
    directory = scratch_root / "btrfs-disk"
    directory.mkdir()
    with disk(directory, "btrfs", 512) as path:
        yield path


@pytest.fixture
def data_root(request: pytest.FixtureRequest, driver: str, tmp_path: Path) -> Path:
    """Where the driver under test can work; it does not exist yet."""
    if driver != "btrfs":
        return tmp_path / "root"
    top: Path = request.getfixturevalue("btrfs")
    return top / f"root{next(_NUMBERS)}"


@pytest.fixture
def storage(data_root: Path, driver: str) -> Iterator[StorageService]:
    """A fresh data root; everything mounted in it is gone afterwards."""
    service = StorageService(data_root, driver)
    yield service
    for container_id in service.container_ids():
        service.remove_container(container_id)
    service.wait_background()
    service.close()
    inside = os.path.realpath(data_root) + "/"
    assert not [point for point in mount.mount_points() if point.target.startswith(inside)]
