"""An image service on its own data root, without the rest of the engine."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from boxship.engine.config import RegistryConfig
from boxship.engine.events import service as event_service
from boxship.engine.events.service import EventService
from boxship.engine.images import store as image_store
from boxship.engine.images.image import Progress
from boxship.engine.images.service import ImageService
from boxship.engine.registry.client import RegistryClient
from boxship.engine.registry.transport import TimeLimits
from boxship.engine.state.database import Database
from boxship.engine.storage.service import StorageService

MIGRATIONS = (*event_service.MIGRATIONS, *image_store.MIGRATIONS)


@dataclass(slots=True)
class House:
    """The rooms that images stand on, and what their operations said."""

    root: Path
    storage: StorageService
    database: Database
    events: EventService
    images: ImageService
    messages: list[Progress] = field(default_factory=list)

    def said(self, id_: str = "") -> list[str]:
        """Return the statuses told so far, without repetitions in a row; of one id, or all."""
        told = [message.status for message in self.messages if message.id.startswith(id_)]
        return [text for place, text in enumerate(told) if place == 0 or told[place - 1] != text]

    def leftovers(self) -> tuple[list[str], list[str]]:
        """Return all digests and chain ids in the storage."""
        return sorted(self.storage.content.digests()), sorted(self.storage.layers())


HouseMaker = Callable[..., House]


@pytest.fixture
async def open_house(tmp_path: Path) -> AsyncIterator[HouseMaker]:
    """Open houses with a given registry configuration; all are closed at the end."""
    houses: list[House] = []

    def make(
        config: RegistryConfig | None = None,
        *,
        root: Path | None = None,
        certificates: Path = tmp_path / "certs.d",
        limits: TimeLimits | None = None,
    ) -> House:
        place = root or tmp_path / f"house-{len(houses)}"
        settings = config or RegistryConfig()
        storage = StorageService(place)
        database = Database.open(place / "state.db", MIGRATIONS)
        events = EventService(database)
        client = RegistryClient(settings, certificates=certificates, limits=limits)
        images = ImageService(database, events, storage, settings, client)
        houses.append(House(place, storage, database, events, images))
        return houses[-1]

    yield make
    for house in houses:
        await house.images.close()
        house.storage.close()
        house.database.close()


@pytest.fixture
async def house(open_house: HouseMaker) -> House:
    """A house with default settings."""
    return open_house()
