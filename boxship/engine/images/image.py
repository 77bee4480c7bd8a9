"""An image, what is said about images, and what their operations report."""

from collections.abc import Callable
from dataclasses import dataclass, field

from boxship.oci.descriptor import Descriptor
from boxship.oci.image import ImageConfig
from boxship.oci.platform import Platform


def unpacks(config: ImageConfig) -> bool:
    """Tell whether an image's layers are unpacked here; those of Windows stay archives."""
    return config.os != "windows"


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerBlob:
    """A layer's archive as it lies in the content store, and the layer it unpacks to."""

    diff_id: str
    chain_id: str
    digest: str
    media_type: str
    size: int
    """Bytes of the archive."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """One image for one platform."""

    id: str
    """``sha256:…`` of its configuration document."""
    config: ImageConfig
    manifest_digest: str
    manifest_media_type: str
    created_at_ns: int
    """0: the configuration does not say."""
    size: int
    """Bytes of all its layers' files, unpacked (Docker's Size)."""
    blobs: tuple[LayerBlob, ...]
    """Lowest first."""
    parent: str = ""
    """Id of the local image it was made from; empty for pulled and loaded ones."""
    tagged_at_ns: int = 0
    repo_tags: tuple[str, ...] = ()
    """``nginx:1.25``"""
    repo_digests: tuple[str, ...] = ()
    """``nginx@sha256:…``"""
    indexes: tuple[str, ...] = ()
    """Digests of the indexes here that list it as a variant."""

    @property
    def layers(self) -> tuple[str, ...]:
        """Diff ids, lowest first."""
        return tuple(blob.diff_id for blob in self.blobs)

    @property
    def chain_ids(self) -> tuple[str, ...]:
        """Chain ids, lowest first; the last one is the root filesystem."""
        return tuple(blob.chain_id for blob in self.blobs)

    @property
    def labels(self) -> dict[str, str]:
        """The labels of the configuration."""
        return self.config.config.labels

    @property
    def is_dangling(self) -> bool:
        """Whether no name leads to it."""
        return not (self.repo_tags or self.repo_digests)


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestSummary:
    """One manifest that an index lists; sizes in bytes."""

    descriptor: Descriptor
    available: bool
    """Whether all of its content is here."""
    kind: str
    """``image``, ``attestation`` or ``unknown``."""
    content_size: int
    """Of its documents and archives that are here."""
    unpacked_size: int = 0
    platform: Platform | None = None
    containers: tuple[str, ...] = ()
    """Ids of the containers that use it."""
    about: str = ""
    """Digest of the manifest that an attestation is about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageSummary:
    """A row of ``docker images``."""

    id: str
    parent: str
    repo_tags: tuple[str, ...]
    repo_digests: tuple[str, ...]
    created_at_ns: int
    size: int
    labels: dict[str, str]
    manifest_digest: str
    manifest_media_type: str
    shared_size: int = -1
    """Bytes of layers that other images have too; -1: not computed."""
    containers: int = -1
    """How many containers use it; -1: not counted."""
    descriptor: Descriptor | None = None
    """Of the index or manifest that it stands for; only together with ``manifests``."""
    manifests: tuple[ManifestSummary, ...] | None = None
    """None: not asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryItem:
    """One step of an image's history, newest first."""

    id: str
    """``<missing>`` for steps that are no image here."""
    created_at_ns: int
    created_by: str
    tags: tuple[str, ...]
    size: int
    comment: str


@dataclass(frozen=True, slots=True)
class Removed:
    """One line of ``docker rmi``: exactly one of the two is set."""

    untagged: str = ""
    deleted: str = ""


@dataclass(frozen=True, slots=True)
class PruneReport:
    """What a prune removed, and the bytes that it gave back."""

    removed: tuple[Removed, ...]
    space_reclaimed: int


@dataclass(frozen=True, slots=True)
class ContainerUse:
    """A container that was made from an image."""

    id: str
    running: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """One message of a long operation (Docker's JSON message)."""

    id: str = ""
    status: str = ""
    current: int = 0
    """Bytes done; 0 together with ``total`` 0: the message has no progress bar."""
    total: int = 0
    stream: str = ""
    """Plain text, newline included, instead of a status."""
    aux: dict[str, str | int] | None = field(default=None)
    pushed_instead: tuple[Descriptor, Descriptor] | None = None
    """An index that is not whole here, and its manifest that was pushed instead."""


ProgressSink = Callable[[Progress], None]
"""Called from the event loop's thread; must not block."""
