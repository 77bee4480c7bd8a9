"""The engine: every service, opened in order, in one place.

``Engine.open`` is the only code that sees all services; each gets what it needs as an argument.
"""

import asyncio
from dataclasses import dataclass
from pathlib import Path

from boxship.engine.config import EngineConfig
from boxship.engine.containers import store as container_store
from boxship.engine.containers.context import Context
from boxship.engine.containers.image_mounts import uses_image
from boxship.engine.containers.service import ContainerService
from boxship.engine.events import service as event_service
from boxship.engine.events.service import EventService
from boxship.engine.images import store as image_store
from boxship.engine.images.image import ContainerUse
from boxship.engine.images.service import ImageService
from boxship.engine.networks import store as network_store
from boxship.engine.networks.service import NetworkService
from boxship.engine.plugins.discovery import SOCKET_DIRECTORY, SPEC_DIRECTORIES
from boxship.engine.plugins.registry import PluginRegistry
from boxship.engine.registry.client import RegistryClient
from boxship.engine.registry.questions import RegistryQuestions
from boxship.engine.runtime.service import RuntimeService
from boxship.engine.state.database import Database
from boxship.engine.state.lock import InstanceLock
from boxship.engine.storage.layers.limits import LayerLimits
from boxship.engine.storage.service import StorageService
from boxship.engine.volumes import store as volume_store
from boxship.engine.volumes.service import VolumeService
from boxship.errors import NotSupportedError
from boxship.ids import new_id
from boxship.linux.privileges import of_this_process

MIGRATIONS = (
    *event_service.MIGRATIONS,
    *image_store.MIGRATIONS,
    *volume_store.MIGRATIONS,
    *network_store.MIGRATIONS,
    *container_store.MIGRATIONS,
)


@dataclass(slots=True, kw_only=True)
class Engine:
    """An open engine. All state below ``config.data_root`` is its own until it is closed."""

    config: EngineConfig
    id: str
    """Random at the first start, then always the same."""
    lock: InstanceLock
    database: Database
    events: EventService
    storage: StorageService
    images: ImageService
    registry: RegistryQuestions
    volumes: VolumeService
    networks: NetworkService
    runtime: RuntimeService
    containers: ContainerService

    @classmethod
    async def open(cls, config: EngineConfig) -> "Engine":
        """Open the engine of a data root and take up what an earlier one left running.

        Raises ConflictError when another engine has the data root, InternalError when its state
        cannot be read, NotSupportedError when the host lacks what containers need.
        """
        _check_privileges()
        lock = InstanceLock.acquire(config.data_root)
        try:
            return await _open(config, lock)
        except BaseException:
            lock.release()
            raise

    def reconfigure(self, config: EngineConfig) -> None:
        """Take over what may change while the engine runs: labels, registries, runtimes, defaults.

        Running transfers end as they began; existing containers keep what they were made with.
        """
        self.config = config
        self.storage.limits = _layer_limits(config)
        self.images.reconfigure(config.registry)
        self.runtime.reconfigure(config)
        self.containers.reconfigure(config)

    async def close(self) -> None:
        """Close all services; containers go on running."""
        await self.containers.close()
        await self.networks.close()
        await self.runtime.close()
        self.registry.close()
        await self.images.close()
        self.events.close()
        await asyncio.to_thread(self.volumes.close)
        self.storage.close()
        self.database.close()
        self.lock.release()


async def _open(config: EngineConfig, lock: InstanceLock) -> Engine:
    config.exec_root.mkdir(parents=True, exist_ok=True, mode=0o711)
    database = Database.open(config.data_root / "state.db", MIGRATIONS)
    events = EventService(database)
    storage = StorageService(config.data_root, config.storage_driver, _layer_limits(config))
    client = RegistryClient(config.registry)
    images = ImageService(database, events, storage, config.registry, client)
    volumes = VolumeService(database, events, config.data_root, _plugins(config))
    engine_id = _engine_id(config.data_root)
    networks = NetworkService(database, events, config.network, config.exec_root, engine_id)
    runtime = RuntimeService(config)
    await images.open()
    await runtime.open()
    await networks.open()
    context = Context(
        config=config,
        database=database,
        events=events,
        storage=storage,
        images=images,
        networks=networks,
        volumes=volumes,
        runtime=runtime,
        store=container_store.ContainerStore(database),
    )
    images.set_usage(lambda image_id: _image_users(context, image_id))
    containers = ContainerService(context)
    await containers.open()
    return Engine(
        config=config,
        id=engine_id,
        lock=lock,
        database=database,
        events=events,
        storage=storage,
        images=images,
        registry=RegistryQuestions(client),
        volumes=volumes,
        networks=networks,
        runtime=runtime,
        containers=containers,
    )


def _plugins(config: EngineConfig) -> PluginRegistry:
    """Plugins are looked for where Docker's are, and below the engine's own run directory."""
    own = config.exec_root / "plugins"
    return PluginRegistry((own, SOCKET_DIRECTORY), (own, *SPEC_DIRECTORIES))


def _layer_limits(config: EngineConfig) -> LayerLimits:
    """Return where unpacking stops."""
    return LayerLimits(max_entries=config.max_layer_entries, max_bytes=config.max_layer_size)


def _check_privileges() -> None:
    missing = of_this_process().missing()
    if missing:
        raise NotSupportedError(
            f"containers cannot be run by this process: it lacks {', '.join(missing)}; start the "
            "engine as root"
        )


def _engine_id(data_root: Path) -> str:
    path = data_root / "engine-id"
    if not path.exists():
        path.write_text(f"{new_id()[:32]}\n")
    return path.read_text().strip()


def _image_users(context: Context, image_id: str) -> list[ContainerUse]:
    """Return the containers that keep an image from being removed."""
    return [
        ContainerUse(id=container.id, running=bool(container.state.pid))
        for container in context.store.all()
        if uses_image(container, image_id)
    ]
