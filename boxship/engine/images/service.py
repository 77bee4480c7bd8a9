"""The verbs of images."""

from collections.abc import Callable, Sequence

from boxship.engine.config import RegistryConfig
from boxship.engine.events.service import EventService
from boxship.engine.images.catalog import Catalog
from boxship.engine.images.image import ContainerUse, Image, ProgressSink
from boxship.engine.images.pull import Puller
from boxship.engine.images.reclaim import Reclaimer
from boxship.engine.images.registration import Registrar
from boxship.engine.images.store import ImageStore
from boxship.engine.images.transfers import Transfers
from boxship.engine.images.unpacking import Unpacker
from boxship.engine.images.workers import Workers
from boxship.engine.registry.auth import RegistryAuth
from boxship.engine.registry.client import RegistryClient
from boxship.engine.state.database import Database
from boxship.engine.storage.service import StorageService

UsageLookup = Callable[[str], Sequence[ContainerUse]]


class ImageService:
    """All images of an engine. Used from the event loop's thread."""

    def __init__(
        self,
        database: Database,
        events: EventService,
        storage: StorageService,
        config: RegistryConfig,
        client: RegistryClient | None = None,
    ) -> None:
        self._workers = Workers()
        self._client = client or RegistryClient(config)
        store = ImageStore(database)
        self._catalog = Catalog(store, storage.content)
        self._registrar = Registrar(events, self._catalog, storage)
        self._reclaimer = Reclaimer(store, storage, self._workers)
        self._puller = Puller(
            database=database,
            client=self._client,
            catalog=self._catalog,
            storage=storage,
            registrar=self._registrar,
            reclaimer=self._reclaimer,
            transfers=Transfers(
                storage.content,
                self._workers,
                concurrent=config.max_concurrent_downloads,
                attempts=config.max_download_attempts,
            ),
            unpacker=Unpacker(storage, self._workers),
            workers=self._workers,
        )
        self._usage: UsageLookup = lambda _: ()

    def set_usage(self, lookup: UsageLookup) -> None:
        """Tell how to find the containers that were made from an image id."""
        self._usage = lookup

    def find(self, text: str) -> Image | None:
        """Return the image with a name, an id, or the beginning of an id; None without it."""
        return self._catalog.find(text)

    def get(self, text: str, platform: str = "") -> Image:
        """Return an image. Raises NotFoundError ``No such image: x:latest``."""
        return self._catalog.get(text, platform)

    async def pull(
        self,
        text: str,
        *,
        platform: str = "",
        auth: RegistryAuth | None = None,
        progress: ProgressSink,
        all_tags: bool = False,
    ) -> Image:
        """Pull an image from its registry; see ``Puller.pull``."""
        return await self._puller.pull(
            text, platform=platform, auth=auth, progress=progress, all_tags=all_tags
        )

    async def close(self) -> None:
        """Finish deletions that were begun, and drop connections."""
        await self._reclaimer.settle()
        self._client.close()
        self._workers.close()
