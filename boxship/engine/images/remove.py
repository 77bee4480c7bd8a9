"""Removing images and their names, by Docker's rules (moby daemon/images/image_delete.go)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from boxship.engine.images.catalog import Catalog
from boxship.engine.images.image import ContainerUse, Image, Removed
from boxship.engine.images.reclaim import Reclaimer
from boxship.engine.images.registration import Registrar
from boxship.engine.images.store import NameRow
from boxship.engine.state.database import Database
from boxship.errors import ConflictError
from boxship.ids import short_id
from boxship.reference import parse_normalized

UsageLookup = Callable[[str], Sequence[ContainerUse]]
MountLookup = Callable[[str], Sequence[str]]
"""Image id → the directories at which the image is mounted."""


@dataclass(frozen=True, slots=True)
class _Conflict:
    """Why an image stays."""

    reason: str
    is_hard: bool = False
    """Force does not help."""


class Remover:
    """Removes images; the space comes back in the background."""

    def __init__(
        self, database: Database, catalog: Catalog, registrar: Registrar, reclaimer: Reclaimer
    ) -> None:
        self._database = database
        self._catalog = catalog
        self._registrar = registrar
        self._reclaimer = reclaimer
        self.usage: UsageLookup = lambda _: ()
        self.mounts: MountLookup = lambda _: ()

    def remove(self, text: str, *, force: bool, prune: bool) -> list[Removed]:
        """Remove a name, and the image with its last name; or an image by its id.

        prune: also its parents that have no name and no other child. All or nothing. Raises
        NotFoundError; ConflictError in Docker's words.
        """
        image = self._catalog.get(text)
        records: list[Removed] = []
        garbage: list[Image] = []
        with self._database.transaction():
            if _is_id_of(image, text):
                self._remove_by_id(image, records, garbage, force, prune)
            else:
                self._remove_by_name(image, text, records, garbage, force, prune)
        for removed in garbage:
            digests = [removed.id, removed.manifest_digest]
            digests += [name.rpartition("@")[2] for name in removed.repo_digests]
            digests += [blob.digest for blob in removed.blobs]
            freed = self._reclaimer.reclaim(digests, reversed(removed.chain_ids))
            records += [Removed(deleted=chain) for chain in freed.chains]
        return records

    def _remove_by_name(
        self,
        image: Image,
        text: str,
        records: list[Removed],
        garbage: list[Image],
        force: bool,
        prune: bool,
    ) -> None:
        users = self.usage(image.id)
        if _is_single(self._catalog.names(image)):
            self._refuse(image, self._mounted(image))
        if not force and _is_single(self._catalog.names(image)) and users:
            raise ConflictError(
                f'conflict: unable to remove repository reference "{text}" (must force) - '
                f"container {short_id(users[0].id)} is using its referenced image "
                f"{short_id(image.id)}"
            )
        reference = parse_normalized(text).with_default_tag()
        name = NameRow(
            reference.name,
            "" if reference.digest else reference.tag or "",
            reference.digest or "",
        )
        self._untag(image, [name], records)
        left = self._catalog.names(image)
        if name.tag and not any(other.tag and other.name == name.name for other in left):
            self._untag(image, [other for other in left if other.name == name.name], records)
            left = self._catalog.names(image)
        if not left:
            self._delete(image, records, garbage, force=force, prune=prune, quiet=True)

    def _remove_by_id(
        self,
        image: Image,
        records: list[Removed],
        garbage: list[Image],
        force: bool,
        prune: bool,
    ) -> None:
        names = self._catalog.names(image)
        if _is_single(names):
            self._refuse(image, self._conflict(image, [], force=force))
            self._untag(image, names, records)
        self._delete(image, records, garbage, force=force, prune=prune, quiet=False)

    def _untag(self, image: Image, names: list[NameRow], records: list[Removed]) -> None:
        with self._database.transaction() as tx:
            for name in names:
                untagged = self._registrar.remove_name(tx, image.id, name)
                records.append(Removed(untagged=untagged))
                self._registrar.record(tx, "untag", image.id, image.id, image.labels)

    def _delete(
        self,
        image: Image,
        records: list[Removed],
        garbage: list[Image],
        *,
        force: bool,
        prune: bool,
        quiet: bool,
    ) -> None:
        """Delete an image whose wanted names are gone; quiet: leave it in a conflict."""
        names = self._catalog.names(image)
        conflict = self._conflict(image, names, force=force)
        if conflict is not None:
            if quiet:
                return
            self._refuse(image, conflict)
        with self._database.transaction() as tx:
            self._untag(image, names, records)
            self._registrar.delete(tx, image)
        records.append(Removed(deleted=image.id))
        garbage.append(image)
        parent = self._catalog.by_id(image.parent) if prune and image.parent else None
        if parent is not None and not self._conflict(
            parent, self._catalog.names(parent), force=False
        ):
            self._delete(parent, records, garbage, force=False, prune=True, quiet=True)

    def _conflict(self, image: Image, names: list[NameRow], *, force: bool) -> _Conflict | None:
        """Return why an image that still has ``names`` cannot be deleted."""
        if self._catalog.store.children(image.id):
            return _Conflict("image has dependent child images", is_hard=True)
        if mounted := self._mounted(image):
            return mounted
        users = self.usage(image.id)
        for user in users:
            if user.running:
                reason = f"image is being used by running container {short_id(user.id)}"
                return _Conflict(reason, is_hard=True)
        if force:
            return None
        if names:
            return _Conflict("image is referenced in multiple repositories")
        if users:
            reason = f"image is being used by stopped container {short_id(users[0].id)}"
            return _Conflict(reason)
        return None

    def _mounted(self, image: Image) -> _Conflict | None:
        places = self.mounts(image.id)
        if not places:
            return None
        reason = f"image is mounted at {places[0]}: undo that with boxship image unmount first"
        return _Conflict(reason, is_hard=True)

    def _refuse(self, image: Image, conflict: _Conflict | None) -> None:
        if conflict is not None:
            remedy = "cannot be forced" if conflict.is_hard else "must be forced"
            raise ConflictError(
                f"conflict: unable to delete {short_id(image.id)} ({remedy}) - {conflict.reason}"
            )


def _is_id_of(image: Image, text: str) -> bool:
    """Tell whether an image was named by its id or the beginning of it."""
    encoded = image.id.removeprefix("sha256:")
    return encoded.startswith(text.removeprefix("sha256:"))


def _is_single(names: list[NameRow]) -> bool:
    """Tell whether all names are of one repository, with at most one tag."""
    if len(names) <= 1:
        return True
    tags = [name for name in names if name.tag]
    repositories = {name.name for name in names}
    return len(tags) <= 1 and len(repositories) == 1
