"""The names that a registry takes (distribution-spec, "Pulling manifests")."""

import re
from typing import Final

from boxship.engine.registry.server.faults import (
    DigestInvalidError,
    NameInvalidError,
    TagInvalidError,
)
from boxship.reference import MAX_PATH_LENGTH, is_digest, is_tag

_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_NAME: Final = re.compile(rf"{_PART}(?:/{_PART})*")
_SHOWN = 80


def check_name(name: str) -> str:
    """Return a repository's name. Raises NameInvalidError."""
    if len(name) > MAX_PATH_LENGTH:
        raise NameInvalidError(
            f"invalid repository name: it has {len(name)} characters, at most "
            f"{MAX_PATH_LENGTH} are allowed"
        )
    if not _NAME.fullmatch(name):
        raise NameInvalidError(
            f"invalid repository name {name[:_SHOWN]!r}: lower-case letters and digits, parted by "
            "single '.', '_', '__' or any number of '-', and '/' between the parts",
            {"name": name[:_SHOWN]},
        )
    return name


def check_digest(text: str) -> str:
    """Return a digest of a known algorithm. Raises DigestInvalidError."""
    if not is_digest(text):
        raise DigestInvalidError(
            f"invalid digest {text[:_SHOWN]!r}: it must be sha256:, sha384: or sha512: followed by "
            "all of its lower-case hexadecimal digits",
            {"digest": text[:_SHOWN]},
        )
    return text


def check_tag(text: str) -> str:
    """Return a tag. Raises TagInvalidError."""
    if not is_tag(text):
        raise TagInvalidError(
            f"invalid tag {text[:_SHOWN]!r}: letters, digits, '_', '.' and '-', no '.' or '-' in "
            "front, at most 128 characters",
            {"tag": text[:_SHOWN]},
        )
    return text


def names_digest(reference: str) -> bool:
    """Tell whether a manifest is named by digest: no tag has a colon."""
    return ":" in reference
