"""The verbs of images that Docker does not have."""

from boxship.engine.images.bootstrap.recipe import Recipe
from boxship.engine.images.bootstrap.service import Bootstrapper
from boxship.engine.images.catalog import Catalog
from boxship.engine.images.examine.diff import compare
from boxship.engine.images.examine.files import list_files
from boxship.engine.images.examine.report import Difference, Listing, Waste
from boxship.engine.images.examine.wasted import find_waste
from boxship.engine.images.image import Image, ProgressSink
from boxship.engine.images.making import ImageMaker
from boxship.engine.images.mounting import Mounter
from boxship.engine.images.reclaim import Reclaimer
from boxship.engine.images.registration import Registrar
from boxship.engine.images.squash import layers_below, merged_layer, squashed_config
from boxship.engine.images.workers import Workers
from boxship.engine.state.database import Database
from boxship.engine.storage.service import StorageService
from boxship.errors import InvalidParameterError
from boxship.reference import Reference, parse_normalized


class ImageExtras:
    """Examining, squashing, mounting and making images. Used from the event loop's thread."""

    def __init__(
        self,
        *,
        database: Database,
        storage: StorageService,
        catalog: Catalog,
        registrar: Registrar,
        reclaimer: Reclaimer,
        maker: ImageMaker,
        workers: Workers,
    ) -> None:
        self._storage = storage
        self._catalog = catalog
        self._reclaimer = reclaimer
        self._maker = maker
        self._workers = workers
        self.mounter = Mounter(
            database=database,
            storage=storage,
            catalog=catalog,
            registrar=registrar,
            reclaimer=reclaimer,
            workers=workers,
            directory=storage.data_root / "image-mounts",
        )

        self._bootstrapper = Bootstrapper(
            storage=storage, reclaimer=reclaimer, maker=maker, workers=workers
        )

    async def open(self) -> None:
        """Take up what an earlier engine left."""
        await self.mounter.open()

    async def diff(self, before: str, after: str) -> Difference:
        """Return what differs between two images. Raises NotFoundError."""
        old, new = self._catalog.get(before), self._catalog.get(after)
        async with self._reclaimer.lease() as lease:
            await lease.hold(chains=(*old.chain_ids, *new.chain_ids))
            return await self._workers.run(lambda: compare(self._storage, old, new))

    async def files(self, text: str, path: str = "", *, versions: bool = False) -> Listing:
        """Return an image's files; see ``examine.files.list_files``. Raises NotFoundError."""
        image = self._catalog.get(text)
        async with self._reclaimer.lease() as lease:
            await lease.hold(chains=image.chain_ids)
            return await self._workers.run(
                lambda: list_files(self._storage, image, path, versions=versions)
            )

    async def waste(self, text: str, *, min_size: int = 0) -> Waste:
        """Return what an image's layers hide of each other. Raises NotFoundError."""
        image = self._catalog.get(text)
        async with self._reclaimer.lease() as lease:
            await lease.hold(chains=image.chain_ids)
            return await self._workers.run(
                lambda: find_waste(self._storage, image, min_size=min_size)
            )

    async def squash(self, text: str, base: str, target: str = "") -> Image:
        """Make an image whose layers above a base are one; see ``squash.layers_below``.

        Raises NotFoundError, InvalidParameterError, and storage's errors.
        """
        image = self._catalog.get(text)
        name = new_name(target)
        kept = layers_below(self._catalog, image, base)
        below = image.blobs[:kept]
        parent = below[-1].chain_id if below else None
        async with self._reclaimer.lease() as lease:
            await lease.hold([blob.digest for blob in below], image.chain_ids)
            layer = await self._maker.add_layer(
                lambda: merged_layer(self._storage, image, kept), parent, lease
            )
            layers = (*below, layer)
            config = squashed_config(image, kept, layers)
            return await self._maker.finish(config, layers, name, "squash", lease)

    async def bootstrap(
        self, recipe: Recipe, target: str, *, progress: ProgressSink
    ) -> list[Image]:
        """Make a base image; see ``Bootstrapper.bootstrap``."""
        return await self._bootstrapper.bootstrap(recipe, new_name(target), progress)


def new_name(text: str) -> Reference | None:
    """Read the name for a new image; empty: none. Raises InvalidParameterError."""
    if not text:
        return None
    reference = parse_normalized(text)
    if reference.digest:
        raise InvalidParameterError(f"{text} has a digest: a new image gets its own")
    return reference.with_default_tag()
