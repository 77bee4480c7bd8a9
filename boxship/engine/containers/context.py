"""What the verbs of this package share: the services below, the store, the locks, the events."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from boxship.engine.config import EngineConfig
from boxship.engine.containers.container import Container, ContainerState
from boxship.engine.containers.store import ContainerStore
from boxship.engine.containers.waiters import Waiters
from boxship.engine.events.service import EventService
from boxship.engine.images.service import ImageService
from boxship.engine.networks.service import NetworkService
from boxship.engine.runtime.service import RuntimeService
from boxship.engine.state.database import Database, Transaction
from boxship.engine.storage.service import StorageService
from boxship.engine.volumes.service import VolumeService


@dataclass(slots=True, kw_only=True)
class Context:
    """The collaborators of the containers package."""

    config: EngineConfig
    """Swapped whole at a reload."""
    database: Database
    events: EventService
    storage: StorageService
    images: ImageService
    networks: NetworkService
    volumes: VolumeService
    runtime: RuntimeService
    store: ContainerStore
    waiters: Waiters = field(default_factory=Waiters)
    locks: dict[str, asyncio.Lock] = field(default_factory=dict)

    def lock(self, container_id: str) -> asyncio.Lock:
        """Return the lock under which a container's state changes."""
        return self.locks.setdefault(container_id, asyncio.Lock())

    def current(self, container: Container) -> Container:
        """Return the container as it is now. Raises NotFoundError once it is gone."""
        return self.store.get(container.id)

    def files_dir(self, container_id: str) -> Path:
        """Directory of what is kept for a container on disk: name files, log."""
        return self.config.data_root / "containers" / container_id

    def bundle_dir(self, container_id: str) -> Path:
        """Directory of the runtime's bundle, gone after a reboot."""
        return self.config.exec_root / "containers" / container_id

    def log_path(self, container_id: str) -> Path:
        """The container's log file."""
        return self.files_dir(container_id) / f"{container_id}-local.log"

    def record(
        self,
        tx: Transaction,
        container: Container,
        action: str,
        attributes: Mapping[str, str] | None = None,
    ) -> None:
        """Make a container's event part of ``tx``, with Docker's attributes."""
        self.events.record(
            tx,
            "container",
            action,
            container.id,
            {
                **container.config.labels,
                "image": container.config.image,
                "name": container.name,
                **(attributes or {}),
            },
        )

    def write_state(self, container: Container, **changes: Any) -> Container:
        """Change some fields of a container's state, without an event."""
        with self.database.transaction() as tx:
            return self.change_state(tx, container, **changes)

    def change_state(self, tx: Transaction, container: Container, **changes: Any) -> Container:
        """Change some fields of a container's state as part of ``tx``; returns the new value."""
        state: ContainerState = replace(self.current(container).state, **changes)
        self.store.update_state(tx, container, state)
        return replace(container, state=state)
