"""Finding images by whatever people call them."""

import logging

from boxship.engine.images.image import Image
from boxship.engine.images.store import ImageStore, NameRow
from boxship.engine.storage.content import ContentStore
from boxship.errors import BoxshipError, InvalidParameterError, NotFoundError
from boxship.ids import ID_LENGTH, is_full_id, is_id_prefix
from boxship.oci import image as image_document
from boxship.oci.platform import parse_platform, rank
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

        Names win over ids, as in Docker. Raises InvalidParameterError for what is no name, and
        for a beginning that several ids have.
        """
        image_id = self._resolve(text)
        return self.by_id(image_id) if image_id else None

    def get(self, text: str, platform: str = "") -> Image:
        """Like ``find``; NotFoundError without it, or where it is for another platform."""
        image = self.find(text)
        if image is None:
            raise NotFoundError(f"No such image: {_shown(text)}")
        wanted = parse_platform(platform) if platform else None
        if wanted and rank(image.config.platform, wanted) is None:
            raise NotFoundError(
                f"image with reference {text} was found but does not match the specified platform: "
                f"wanted {wanted.text}, actual: {image.config.platform.text}"
            )
        return image

    def names(self, image: Image) -> list[NameRow]:
        """Return the names that lead to an image."""
        return self.store.names(image.id)

    def _resolve(self, text: str) -> str | None:
        if is_full_id(text):
            return f"sha256:{text}"
        if text.startswith("sha256:") and len(text) == ID_LENGTH + len("sha256:"):
            return text if is_digest(text) else None
        prefix = text.removeprefix("sha256:")
        if prefix == text or not is_id_prefix(prefix):
            reference = parse_normalized(text).with_default_tag()
            named = self._by_name(reference)
            if named or not is_id_prefix(text):
                return named
        matches = self.store.ids_with_prefix(prefix)
        if len(matches) > 1:
            raise InvalidParameterError(f"multiple IDs found with provided prefix: {prefix}")
        return matches[0] if matches else None

    def _by_name(self, reference: Reference) -> str | None:
        if reference.digest:
            return self.store.by_digest(reference.name, reference.digest)
        return self.store.by_tag(reference.name, reference.tag or "")

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
        )


def reference_of(name: NameRow) -> Reference:
    """Return a stored name as a reference."""
    domain, _, path = name.name.partition("/")
    return Reference(domain or DEFAULT_DOMAIN, path, name.tag or None, name.digest or None)


def familiar(name: NameRow) -> str:
    """Return a stored name as people write it."""
    return reference_of(name).familiar


def _shown(text: str) -> str:
    """Return a name as the error shows it: with its tag."""
    if is_digest(text) or is_full_id(text):
        return text
    try:
        return parse_normalized(text).with_default_tag().familiar
    except InvalidParameterError:
        return text
