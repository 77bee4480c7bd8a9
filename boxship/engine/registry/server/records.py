"""What a registry knows of what it keeps."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ManifestRecord:
    """A manifest in a repository; its bytes are content like any other."""

    digest: str
    media_type: str
    size: int
    artifact_type: str = ""
    """As the referrers API wants it: the manifest's own, else its configuration's media type."""
    subject: str = ""
    """Digest of the manifest that this one is about."""
    annotations: dict[str, str] = field(default_factory=dict)
    members: tuple[str, ...] = ()
    """Digests of what it is made of; empty in records that come out of the tables."""


@dataclass(frozen=True, slots=True)
class TagRecord:
    """A tag and the manifest it names."""

    name: str
    digest: str
    media_type: str
    size: int
    """Of the manifest."""
    content_size: int
    """Of what the manifest is made of, as far as it is here."""
    updated: float


@dataclass(frozen=True, slots=True)
class UploadRecord:
    """An upload that has begun and not ended."""

    identity: str
    repository: str
    algorithm: str
    touched: float
