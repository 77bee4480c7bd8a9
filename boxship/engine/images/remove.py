"""Removing images and their names, by Docker's rules (moby daemon/images/image_delete.go)."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace

from boxship.engine.images.catalog import Catalog
from boxship.engine.images.image import ContainerUse, Image, Removed
from boxship.engine.images.reclaim import Reclaims
from boxship.engine.images.registration import Registrar
from boxship.engine.images.store import NameRow
from boxship.engine.state.database import Database
from boxship.errors import ConflictError
from boxship.ids import short_id
from boxship.reference import Reference, parse_normalized

UsageLookup = Callable[[str], Sequence[ContainerUse]]
MountLookup = Callable[[str], Sequence[str]]
"""Image id → the directories at which the image is mounted."""


@dataclass(frozen=True, slots=True)
class _Conflict:
    """Why an image stays."""

    reason: str
    is_hard: bool = False
    """Force does not help."""


@dataclass(frozen=True, slots=True)
class _Garbage:
    """What a deleted image needed, as far as nothing else does."""

    digests: tuple[str, ...]
    chains: tuple[str, ...]


@dataclass(slots=True)
class _Work:
    """One removal under way."""

    force: bool
    prune: bool
    records: list[Removed] = field(default_factory=list)
    garbage: list[_Garbage] = field(default_factory=list)


class Remover:
    """Removes images; the space comes back in the background."""

    def __init__(
        self, database: Database, catalog: Catalog, registrar: Registrar, reclaimer: Reclaims
    ) -> None:
        self._database = database
        self._catalog = catalog
        self._registrar = registrar
        self._reclaimer = reclaimer
        self.usage: UsageLookup = lambda _: ()
        self.mounts: MountLookup = lambda _: ()

    def planning(self, reclaimer: Reclaims, without: Collection[str]) -> "Remover":
        """Return one that works as if some containers were gone, for a database's trial."""
        other = Remover(self._database, self._catalog, self._registrar, reclaimer)
        other.usage = lambda image: [use for use in self.usage(image) if use.id not in without]
        other.mounts = self.mounts
        return other

    def remove(
        self, text: str, *, force: bool, prune: bool, platforms: Sequence[str] = ()
    ) -> list[Removed]:
        """Remove a name, and the image with its last name; or an image by its id.

        With an index's last name all its variants go; so they do with the id under which a list
        shows them. The id of another variant removes that one alone. platforms: remove these
        variants and no others; with the last one its names go too. prune: also parents that have
        no name and no other child. All or nothing. Raises NotFoundError; ConflictError in Docker's
        words.
        """
        image = self._catalog.get(text)
        work = _Work(force=force, prune=prune)
        parts = [part for one in image.indexes for part in self._catalog.store.indexes.parts(one)]
        with self._database.transaction():
            if platforms:
                chosen = {self._catalog.get(text, wanted).id: wanted for wanted in platforms}
                self._remove_variants([self._catalog.get(image_id) for image_id in chosen], work)
            elif not self._catalog.is_name(text):
                self._remove_by_id(image, work)
            else:
                self._remove_by_name(image, text, work)
        work.garbage.append(_Garbage((*image.indexes, *parts), ()))
        for garbage in work.garbage:
            freed = self._reclaimer.reclaim(garbage.digests, reversed(garbage.chains))
            work.records += [Removed(deleted=chain) for chain in freed.chains]
        return work.records

    def _remove_by_name(self, image: Image, text: str, work: _Work) -> None:
        reference = parse_normalized(text).with_default_tag()
        name = self._row(reference)
        row = self._catalog.variants(name.index_digest) or [image]
        used = next(((one, use) for one in row for use in self.usage(one.id)), None)
        if not work.force and _is_single(self._catalog.names(image)) and used:
            raise ConflictError(
                f'conflict: unable to remove repository reference "{text}" (must force) - '
                f"container {short_id(used[1].id)} is using its referenced image "
                f"{short_id(used[0].id)}"
            )
        for one in row if _is_single(self._catalog.names(image)) else ():
            self._refuse(one, self._mounted(one))
        self._untag(image, [name], work)
        left = self._catalog.names(image)
        if name.tag and not any(other.tag and other.name == name.name for other in left):
            self._untag(image, [other for other in left if other.name == name.name], work)
        for one in row:
            if not self._catalog.names(one):
                self._delete(one, work, quiet=True)

    def _row(self, reference: Reference) -> NameRow:
        """Return a name as it is stored."""
        if reference.digest:
            return NameRow(reference.name, "", reference.digest)
        tag = reference.tag or ""
        named = self._catalog.store.named(reference.name, tag)
        return NameRow(reference.name, tag, "", named.target if named else "")

    def _remove_by_id(self, image: Image, work: _Work) -> None:
        row = self._catalog.row_of(image)
        if len(row) == 1 and image.indexes and len(self._siblings(image)) > 1:
            self._remove_variants(row, work)
            return
        names = self._catalog.names(image)
        for one in row:
            self._refuse(one, self._conflict(one, names, work, single=_is_single(names)))
        self._untag(image, names, work)
        for one in row:
            if not self._catalog.names(one):
                self._delete(one, work, quiet=one.id != image.id)

    def _siblings(self, image: Image) -> set[str]:
        """Return the ids of all variants of an image's indexes, its own among them."""
        return {one.id for index in image.indexes for one in self._catalog.variants(index)}

    def _remove_variants(self, images: Sequence[Image], work: _Work) -> None:
        """Remove some variants; with the last one of an index its names."""
        for image in images:
            self._refuse(image, self._conflict(image, [], work))
        going = {image.id for image in images}
        for image in images:
            if self._siblings(image) <= going | {image.id}:
                self._untag(image, self._catalog.names(image), work)
            going.discard(image.id)
            self._discard(image, work)

    def _untag(self, image: Image, names: list[NameRow], work: _Work) -> None:
        with self._database.transaction() as tx:
            for name in names:
                untagged = self._registrar.remove_name(tx, image.id, name)
                work.records.append(Removed(untagged=untagged))
                self._registrar.record(tx, "untag", image.id, image.id, image.labels)

    def _delete(self, image: Image, work: _Work, *, quiet: bool) -> None:
        """Delete an image whose wanted names are gone; quiet: leave it in a conflict."""
        conflict = self._conflict(image, [], work)
        if conflict is not None and quiet:
            return
        self._refuse(image, conflict)
        self._discard(image, work)
        parent = self._catalog.by_id(image.parent) if work.prune and image.parent else None
        if parent is None:
            return
        unforced = replace(work, force=False)
        if not self._conflict(parent, self._catalog.names(parent), unforced):
            self._delete(parent, unforced, quiet=True)

    def _discard(self, image: Image, work: _Work) -> None:
        with self._database.transaction() as tx:
            self._registrar.delete(tx, image)
        named = [name.rpartition("@")[2] for name in image.repo_digests]
        blobs = [blob.digest for blob in image.blobs]
        digests = (image.id, image.manifest_digest, *named, *blobs)
        work.records.append(Removed(deleted=image.id))
        work.garbage.append(_Garbage(digests, image.chain_ids))

    def _conflict(
        self, image: Image, names: list[NameRow], work: _Work, *, single: bool = False
    ) -> _Conflict | None:
        """Return why an image that still has ``names`` cannot be deleted.

        single: the names count as one, which goes with the image.
        """
        if self._catalog.store.children(image.id):
            return _Conflict("image has dependent child images", is_hard=True)
        if mounted := self._mounted(image):
            return mounted
        users = self.usage(image.id)
        for user in users:
            if user.running:
                reason = f"image is being used by running container {short_id(user.id)}"
                return _Conflict(reason, is_hard=True)
        if work.force:
            return None
        if names and not single:
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


def _is_single(names: list[NameRow]) -> bool:
    """Tell whether all names are of one repository, with at most one tag."""
    if len(names) <= 1:
        return True
    tags = [name for name in names if name.tag]
    repositories = {name.name for name in names}
    return len(tags) <= 1 and len(repositories) == 1
