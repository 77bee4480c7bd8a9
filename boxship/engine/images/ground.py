"""What the verbs of images stand on, and how each of them is put together."""

from dataclasses import dataclass

from boxship.engine.config import RegistryConfig
from boxship.engine.events.service import EventService
from boxship.engine.images.assemble import Assembler
from boxship.engine.images.catalog import Catalog
from boxship.engine.images.extras import ImageExtras
from boxship.engine.images.importer import Importer
from boxship.engine.images.load import Loader
from boxship.engine.images.making import ImageMaker
from boxship.engine.images.outgoing import Outgoing
from boxship.engine.images.pull import Puller
from boxship.engine.images.push import Pusher
from boxship.engine.images.reclaim import Reclaimer
from boxship.engine.images.registration import Registrar
from boxship.engine.images.store import ImageStore
from boxship.engine.images.transfers import Transfers
from boxship.engine.images.unpacking import Unpacker
from boxship.engine.images.uploads import Uploads
from boxship.engine.images.workers import Workers
from boxship.engine.registry.client import RegistryClient
from boxship.engine.state.database import Database
from boxship.engine.storage.service import StorageService


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """The collaborators that most verbs share."""

    database: Database
    storage: StorageService
    workers: Workers
    catalog: Catalog
    registrar: Registrar
    reclaimer: Reclaimer
    unpacker: Unpacker
    assembler: Assembler

    @classmethod
    def lay(cls, database: Database, events: EventService, storage: StorageService) -> "Ground":
        """Make them for one engine."""
        workers = Workers()
        store = ImageStore(database)
        catalog = Catalog(store, storage.content)
        registrar = Registrar(events, catalog, storage)
        reclaimer = Reclaimer(store, storage, workers)
        registrar.collect = reclaimer.collect
        return cls(
            database=database,
            storage=storage,
            workers=workers,
            catalog=catalog,
            registrar=registrar,
            reclaimer=reclaimer,
            unpacker=Unpacker(storage, workers),
            assembler=Assembler(storage.content, workers),
        )

    def transfers(self, config: RegistryConfig) -> Transfers:
        """Downloads within the bounds of a configuration."""
        return Transfers(
            self.storage.content,
            self.workers,
            concurrent=config.max_concurrent_downloads,
            attempts=config.max_download_attempts,
        )

    def uploads(self, config: RegistryConfig) -> Uploads:
        """Uploads within the bounds of a configuration."""
        return Uploads(
            self.storage.content,
            self.workers,
            concurrent=config.max_concurrent_uploads,
            attempts=config.max_download_attempts,
        )

    def loader(self) -> Loader:
        """``load``."""
        return Loader(
            database=self.database,
            content=self.storage.content,
            catalog=self.catalog,
            registrar=self.registrar,
            reclaimer=self.reclaimer,
            unpacker=self.unpacker,
            assembler=self.assembler,
            workers=self.workers,
        )

    def importer(self) -> Importer:
        """``import`` and ``commit``."""
        return Importer(
            database=self.database,
            storage=self.storage,
            catalog=self.catalog,
            registrar=self.registrar,
            reclaimer=self.reclaimer,
            assembler=self.assembler,
            workers=self.workers,
        )

    def extras(self) -> ImageExtras:
        """What Docker does not have."""
        maker = ImageMaker(
            database=self.database,
            storage=self.storage,
            catalog=self.catalog,
            registrar=self.registrar,
            assembler=self.assembler,
            workers=self.workers,
        )
        return ImageExtras(
            database=self.database,
            storage=self.storage,
            catalog=self.catalog,
            registrar=self.registrar,
            reclaimer=self.reclaimer,
            maker=maker,
            workers=self.workers,
        )

    def puller(self, client: RegistryClient, transfers: Transfers) -> Puller:
        """``pull``."""
        return Puller(
            database=self.database,
            client=client,
            catalog=self.catalog,
            storage=self.storage,
            registrar=self.registrar,
            reclaimer=self.reclaimer,
            transfers=transfers,
            unpacker=self.unpacker,
            workers=self.workers,
        )

    def outgoing(self) -> Outgoing:
        """What makes images ready for ``push``."""
        return Outgoing(
            database=self.database,
            storage=self.storage,
            catalog=self.catalog,
            registrar=self.registrar,
            reclaimer=self.reclaimer,
            assembler=self.assembler,
            workers=self.workers,
        )

    def pusher(self, client: RegistryClient, uploads: Uploads, outgoing: Outgoing) -> Pusher:
        """``push``."""
        return Pusher(
            database=self.database,
            client=client,
            catalog=self.catalog,
            content=self.storage.content,
            registrar=self.registrar,
            reclaimer=self.reclaimer,
            uploads=uploads,
            outgoing=outgoing,
            workers=self.workers,
        )
