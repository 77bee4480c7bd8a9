"""A storage service on every snapshot driver."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from boxship.engine.storage.service import StorageService
from boxship.linux import mount

DRIVERS = ("overlay2", "vfs")


@pytest.fixture(params=DRIVERS)
def driver(request: pytest.FixtureRequest) -> str:
    """Name of the driver under test."""
    name: str = request.param
    return name


@pytest.fixture
def storage(tmp_path: Path, driver: str) -> Iterator[StorageService]:
    """A fresh data root; everything mounted in it is gone afterwards."""
    service = StorageService(tmp_path / "root", driver)
    yield service
    for container_id in service.container_ids():
        service.remove_container(container_id)
    service.wait_background()
    service.close()
    inside = os.path.realpath(tmp_path) + "/"
    assert not [point for point in mount.mount_points() if point.target.startswith(inside)]
