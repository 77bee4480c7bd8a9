"""Finding images by whatever people call them."""

import logging

from boxship.engine.images.image import Image
from boxship.engine.images.store import ImageStore, Named, NameRow
from boxship.engine.storage.content import ContentStore
from boxship.errors import BoxshipError, InvalidParameterError, NotFoundError
from boxship.ids import ID_LENGTH, is_full_id, is_id_prefix
from boxship.oci import image as image_document
from boxship.oci.platform import choose, host_platform, parse_platform
from boxship.reference import DEFAULT_DOMAIN, Reference, is_digest, parse_normalized

_log = logging.getLogger(__name__)


class Catalog:
    """The images of this engine. Used from the event loop's thread only."""

    def __init__(self, store: ImageStore, content: ContentStore) -> None:
        self.store = store
        self._content = content
        self._known: dict[str, Image] = {}

    def forget(self, image_id: str) -> None:
        """Read the image anew the next time: its names or layers changed."""
        self._known.pop(image_id, None)

    def forget_all(self) -> None:
        """Read all images anew."""
        self._known.clear()

    def by_id(self, image_id: str) -> Image | None:
        """Return the image with a full ``sha256:…`` id."""
        image = self._known.get(image_id)
        if image is None:
            image = self._load(image_id)
            if image is not None:
                self._known[image_id] = image
        return image

    def all(self) -> list[Image]:
        """Return all images, newest first; a damaged one is logged and left out."""
        found = []
        for image_id in self.store.ids():
            try:
                image = self.by_id(image_id)
            except BoxshipError as error:
                _log.error("image %s cannot be read: %s", image_id, error)
                continue
            if image is not None:
                found.append(image)
        return found

    def find(self, text: str) -> Image | None:
        """Return the image with a name, an id, or the beginning of an id.

        A name of an index, and the index's digest, stand for the variant that fits this host best;
        where none fits, for the one that came last. Names win over ids, as in Docker. Raises
        InvalidParameterError for what is no name, and for a beginning that several ids have.
        """
        named = self.resolve(text)
        return self.by_id(named.image_id) if named else None

    def get(self, text: str, platform: str = "") -> Image:
        """Like ``find``, or the best variant for a platform.

        Raises NotFoundError without the image, or without such a variant; InvalidParameterError.
        """
        named = self.resolve(text)
        image = self.by_id(named.image_id) if named else None
        if named is None or image is None:
            raise NotFoundError(f"No such image: {shown_name(text)}")
        if not platform:
            return image
        wanted = parse_platform(platform)
        variants = self.variants(named.target) or [image]
        position = choose([variant.config.platform for variant in variants], wanted)
        if position is None:
            raise NotFoundError(
                f"image with reference {text} was found but does not provide the specified "
                f"platform ({wanted.text}): it is here for "
                f"{', '.join(sorted(variant.config.platform.text for variant in variants))}"
            )
        return variants[position]

    def variants(self, index: str) -> list[Image]:
        """Return the images here that an index lists, the one that came last first."""
        found = (self.by_id(variant.image_id) for variant in self.store.indexes.variants(index))
        return [image for image in found if image is not None]

    def row_of(self, image: Image) -> list[Image]:
        """Return all images that an image stands for in a list: itself, then other variants.

        Other variants belong to the one that the names of their index show.
        """
        found = {image.id: image}
        for index in image.indexes:
            if self.best(index) == image.id:
                found.update((variant.id, variant) for variant in self.variants(index))
        return list(found.values())

    def best(self, index: str, *, without: str = "") -> str | None:
        """Return the id of the variant that the names of an index show.

        without: the id of a variant that is about to go.
        """
        listed = [variant.image_id for variant in self.store.indexes.variants(index)]
        variants = [self._peek(image_id) for image_id in listed if image_id != without]
        images = [image for image in variants if image is not None]
        if not images:
            return None
        position = choose([image.config.platform for image in images], host_platform())
        return images[position or 0].id

    def _peek(self, image_id: str) -> Image | None:
        """Like ``by_id`` in the middle of a transaction, which may be rolled back."""
        return self._known.get(image_id) or self._load(image_id)

    def names(self, image: Image) -> list[NameRow]:
        """Return the names that lead to an image."""
        return self.store.names(image.id)

    def resolve(self, text: str) -> Named | None:
        """Return what a name or an id leads to. Raises InvalidParameterError."""
        if is_full_id(text):
            return self._by_digest(f"sha256:{text}")
        if text.startswith("sha256:") and len(text) == ID_LENGTH + len("sha256:"):
            return self._by_digest(text) if is_digest(text) else None
        prefix = text.removeprefix("sha256:")
        if prefix == text or not is_id_prefix(prefix):
            reference = parse_normalized(text).with_default_tag()
            named = self._by_name(reference)
            if named or not is_id_prefix(text):
                return named
        matches = [Named(image_id, "") for image_id in self.store.ids_with_prefix(prefix)]
        matches = matches or self.store.ids_of_manifests(f"sha256:{prefix}")
        if len(matches) > 1:
            raise InvalidParameterError(f"multiple IDs found with provided prefix: {prefix}")
        return self._best(matches[0]) if matches else None

    def is_name(self, text: str) -> bool:
        """Tell whether an image is called so, rather than by an id or a digest."""
        try:
            reference = parse_normalized(text).with_default_tag()
        except InvalidParameterError:
            return False
        return self._by_name(reference) is not None

    def _by_digest(self, digest: str) -> Named | None:
        """Look for an image's id, else for the digest of a manifest or an index."""
        if self.store.row(digest) is not None:
            return Named(digest, "")
        found = self.store.ids_of_manifests(digest)
        return self._best(found[0]) if found else None

    def _best(self, named: Named) -> Named:
        best = self.best(named.target) if named.target else None
        return Named(best, named.target) if best else named

    def _by_name(self, reference: Reference) -> Named | None:
        if reference.digest:
            image_id = self.store.by_digest(reference.name, reference.digest)
            is_index = image_id and self.store.indexes.variants(reference.digest)
            target = reference.digest if is_index else ""
            return Named(image_id, target) if image_id else None
        return self.store.named(reference.name, reference.tag or "")

    def _load(self, image_id: str) -> Image | None:
        row = self.store.row(image_id)
        if row is None:
            return None
        names = self.store.names(image_id)
        return Image(
            id=row.id,
            config=image_document.decode(self._content.read(row.id)),
            manifest_digest=row.manifest_digest,
            manifest_media_type=row.manifest_media_type,
            created_at_ns=row.created_at_ns,
            size=row.size,
            blobs=self.store.layers(image_id),
            parent=row.parent,
            tagged_at_ns=row.tagged_at_ns,
            repo_tags=tuple(familiar(name) for name in names if name.tag),
            repo_digests=tuple(familiar(name) for name in names if name.digest),
            indexes=tuple(self.store.indexes.of_image(image_id)),
        )


def reference_of(name: NameRow) -> Reference:
    """Return a stored name as a reference."""
    domain, _, path = name.name.partition("/")
    return Reference(domain or DEFAULT_DOMAIN, path, name.tag or None, name.digest or None)


def familiar(name: NameRow) -> str:
    """Return a stored name as people write it."""
    return reference_of(name).familiar


def shown_name(text: str) -> str:
    """Return a name as the error shows it: with its tag."""
    if is_digest(text) or is_full_id(text):
        return text
    try:
        return parse_normalized(text).with_default_tag().familiar
    except InvalidParameterError:
        return text
