"""A volume service with state of its own."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from boxship.engine.events import service as event_service
from boxship.engine.events.service import EventService
from boxship.engine.state.database import Database
from boxship.engine.volumes import store as volume_store
from boxship.engine.volumes.service import VolumeService
from boxship.linux import mount


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database.open(
        tmp_path / "state.db", (*event_service.MIGRATIONS, *volume_store.MIGRATIONS)
    )
    yield database
    database.close()


@pytest.fixture
def events(database: Database) -> EventService:
    return EventService(database)


@pytest.fixture
def volumes(tmp_path: Path, database: Database, events: EventService) -> Iterator[VolumeService]:
    service = VolumeService(database, events, tmp_path)
    yield service
    for container in service.list_users():
        service.release(container)
    for volume in service.list({}):
        service.remove(volume.name)
    service.close()
    inside = os.path.realpath(tmp_path) + "/"
    assert not [point for point in mount.mount_points() if point.target.startswith(inside)]
