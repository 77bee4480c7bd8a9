"""Mounts as users write them: ``-v`` strings, ``--mount`` specifications, ``--volumes-from``.

Rules and words are those of moby's ``volume/mounts/linux_parser.go``.
"""

import os
import posixpath
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from boxship.engine.containers.container import MountSpec
from boxship.errors import InvalidParameterError

_READ_MODES: Final = frozenset({"ro", "rw"})
_LABEL_MODES: Final = frozenset({"z", "Z"})
_CONSISTENCY_MODES: Final = frozenset({"default", "consistent", "cached", "delegated"})
PROPAGATION_MODES: Final = frozenset(
    {"private", "rprivate", "shared", "rshared", "slave", "rslave"}
)
DEFAULT_PROPAGATION: Final = "rprivate"
_MODE_GROUPS: Final = (
    _READ_MODES,
    _LABEL_MODES,
    PROPAGATION_MODES,
    frozenset({"nocopy"}),
    _CONSISTENCY_MODES,
)
_TMPFS_WORDS: Final = frozenset({"exec", "noexec"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Bind:
    """A parsed ``source:target:options``."""

    spec: MountSpec
    """Type ``bind`` for an absolute source, else ``volume`` (an empty source: anonymous)."""
    mode: str = ""
    """The options as they were given."""
    relabel: str = ""
    """``z`` (shared label), ``Z`` (private label) or empty."""


def parse_bind(text: str) -> Bind:
    """Read one ``-v`` value. Raises InvalidParameterError in Docker's words."""
    source, target, mode = _split(text)
    options = _mode_options(mode)
    spec = MountSpec(
        type="bind" if source.startswith("/") else "volume",
        source=posixpath.normpath(source) if source.startswith("/") else source,
        target=posixpath.normpath(target) if target else "",
        read_only="ro" in options,
        propagation=next((word for word in options if word in PROPAGATION_MODES), ""),
        no_copy="nocopy" in options,
        consistency=next((word for word in options if word in _CONSISTENCY_MODES), ""),
    )
    try:
        check_target(spec.type, target)
        if spec.type == "volume" and spec.propagation:
            raise _mount_error("volume", "field BindOptions must not be specified")
        if spec.type == "bind" and spec.no_copy:
            raise _mount_error("bind", "field VolumeOptions must not be specified")
    except InvalidParameterError as error:
        raise InvalidParameterError(f"{_bad_spec(text)}: {error}") from None
    relabel = next((word for word in options if word in _LABEL_MODES), "")
    return Bind(spec=spec, mode=mode, relabel=relabel)


def _split(text: str) -> tuple[str, str, str]:
    parts = text.split(":", 3)
    if not parts[0] or len(parts) > 3:
        raise _bad_spec(text)
    if len(parts) == 1:
        return "", parts[0], ""
    if len(parts) == 2:
        if is_mode(parts[1]):
            raise _bad_spec(text)  # "/data:ro": an anonymous volume takes no options
        return parts[0], parts[1], ""
    return parts[0], parts[1], parts[2]


def _bad_spec(text: str) -> InvalidParameterError:
    return InvalidParameterError(f"invalid volume specification: '{text}'")


def is_mode(mode: str) -> bool:
    """Tell whether ``mode`` is a list of known options, at most one of each kind."""
    words = mode.split(",") if mode else []
    known = frozenset().union(*_MODE_GROUPS)
    if not known.issuperset(words):
        return False
    return all(sum(word in group for word in words) <= 1 for group in _MODE_GROUPS)


def _mode_options(mode: str) -> list[str]:
    if not is_mode(mode):
        raise InvalidParameterError(f"invalid mode: {mode}")
    return mode.split(",") if mode else []


def parse_volumes_from(text: str) -> tuple[str, bool]:
    """Read ``container[:ro|rw]`` as the container's reference and whether it is read-only."""
    if not text:
        raise InvalidParameterError("volumes-from specification cannot be an empty string")
    reference, _, mode = text.partition(":")
    options = _mode_options(mode)
    if any(word in PROPAGATION_MODES or word == "nocopy" for word in options):
        raise InvalidParameterError(f"invalid mode: {mode}")
    return reference, "ro" in options


def check_target(mount_type: str, target: str) -> None:
    """Raise InvalidParameterError unless ``target`` is an absolute path and not the root."""
    if not target:
        raise _mount_error(mount_type, "field Target must not be empty")
    try:
        check_path(target)
    except InvalidParameterError as error:
        raise _mount_error(mount_type, str(error)) from None


def check_path(path: str) -> None:
    """Raise InvalidParameterError unless something can be mounted at ``path``."""
    if posixpath.normpath(path) in ("/", "//"):
        raise InvalidParameterError("invalid specification: destination can't be '/'")
    if not path.startswith("/"):
        raise InvalidParameterError(f"invalid mount path: '{path}' mount path must be absolute")
    if "\0" in path:
        raise InvalidParameterError("invalid mount path: a path cannot contain a NUL byte")


def check_mount(spec: MountSpec, exists: Callable[[str], bool] = os.path.exists) -> None:
    """Raise InvalidParameterError, in Docker's words, unless a ``--mount`` makes sense.

    ``exists`` tells whether a bind source is there; ``--mount`` never creates it by itself.
    """
    check_target(spec.type, spec.target)
    if spec.type == "bind":
        _check_bind(spec, exists)
    elif spec.type == "volume":
        _check_volume(spec)
    elif spec.type == "tmpfs":
        _check_tmpfs(spec)
    elif spec.type == "image":
        if not spec.source:
            raise _mount_error("image", "field Source must not be empty")
        _check_subpath(spec)
    else:
        raise _mount_error(spec.type, "mount type unknown")


def _mount_error(mount_type: str, reason: str) -> InvalidParameterError:
    return InvalidParameterError(f'invalid mount config for type "{mount_type}": {reason}')


def _check_bind(spec: MountSpec, exists: Callable[[str], bool]) -> None:
    if not spec.source:
        raise _mount_error("bind", "field Source must not be empty")
    if spec.propagation and spec.propagation not in PROPAGATION_MODES:
        raise _mount_error("bind", f"invalid propagation mode: {spec.propagation}")
    if spec.read_only_non_recursive and spec.read_only_force_recursive:
        raise _mount_error(
            "bind", "ReadOnlyNonRecursive and ReadOnlyForceRecursive exclude each other"
        )
    if not spec.source.startswith("/") or "\0" in spec.source:
        raise _mount_error(
            "bind", f"invalid mount path: '{spec.source}' mount path must be absolute"
        )
    if not spec.create_mountpoint and not exists(spec.source):
        raise _mount_error("bind", f"bind source path does not exist: {spec.source}")


def _check_volume(spec: MountSpec) -> None:
    if spec.read_only and not spec.source:
        raise _mount_error("volume", "must not set ReadOnly mode when using anonymous volumes")
    if spec.subpath and not spec.source:
        raise _mount_error("volume", "must not set Subpath when using anonymous volumes")
    _check_subpath(spec)


def _check_subpath(spec: MountSpec) -> None:
    clean = posixpath.normpath(spec.subpath) if spec.subpath else ""
    if clean.startswith(("/", "../")) or clean == "..":
        raise _mount_error(spec.type, "subpath must be a relative path within the volume")


def _check_tmpfs(spec: MountSpec) -> None:
    if spec.source:
        raise _mount_error("tmpfs", "field Source must not be specified")
    if spec.tmpfs_size < 0 or spec.tmpfs_mode < 0:
        raise _mount_error("tmpfs", "size and mode must not be negative")
    for option in spec.tmpfs_options:
        if not 1 <= len(option) <= 2:
            raise _mount_error("tmpfs", "invalid option array length")
        if option[0] not in _TMPFS_WORDS:
            raise _mount_error("tmpfs", f"invalid option: {option[0]}")
