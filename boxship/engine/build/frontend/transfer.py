"""What COPY and ADD may say, once variables are replaced."""

import re

from boxship.engine.build.frontend import instruction as kinds
from boxship.engine.build.frontend.ignore import IgnoreMatcher, clean_path
from boxship.errors import InvalidParameterError
from boxship.reference import check_digest

_SCP = re.compile(r"[a-zA-Z0-9-_]+@[a-zA-Z0-9-.]+:.*", re.DOTALL)
_SYMBOLIC = re.compile(r"[ugoa]*([-+=]([rwxXst]*|[ugo]))+(,[ugoa]*([-+=]([rwxXst]*|[ugo]))+)*")
MAX_MODE = 0o7777


def source_kind(word: str) -> str:
    """``http``, ``git`` or ``local``."""
    if word.startswith(("git://", "ssh://")) or _SCP.fullmatch(word):
        return "git"
    if word.startswith(("http://", "https://")):
        path = word.partition("#")[0].partition("?")[0]
        return "git" if path.endswith(".git") else "http"
    return "local"


def check(found: kinds.Copy | kinds.Add) -> None:
    """Raises InvalidParameterError in BuildKit's words."""
    _check_mode(found.chmod)
    sources = [source_kind(word) for word in found.sources]
    if isinstance(found, kinds.Add):
        _check_checksum(found, sources)
        return
    if "git" in sources:
        raise InvalidParameterError("source can't be a git ref for COPY")
    if "http" in sources:
        raise InvalidParameterError("source can't be a URL for COPY")


def _check_mode(mode: str) -> None:
    octal = mode.isascii() and mode.isdigit() and not set(mode) & set("89")
    fits = octal and len(mode) < 12 and int(mode, 8) <= MAX_MODE
    if mode and not fits and (octal or not _SYMBOLIC.fullmatch(mode)):
        raise InvalidParameterError(
            f"invalid chmod parameter: '{mode}'. it should be octal string and between 0 and 07777"
        )


def _check_checksum(found: kinds.Add, sources: list[str]) -> None:
    if not found.checksum:
        return
    if len(sources) != 1:
        raise InvalidParameterError("checksum can't be specified for multiple sources")
    if sources[0] == "local":
        raise InvalidParameterError("checksum requires HTTP(S) or Git sources")
    if sources[0] == "http":
        check_digest(found.checksum)


def ignored_sources(found: kinds.Copy | kinds.Add, ignore: IgnoreMatcher | None) -> list[str]:
    """The sources that the context does not have because of ``.dockerignore``.

    With exceptions (``!``) among the patterns nobody can tell without the files.
    """
    if ignore is None or ignore.has_exceptions:
        return []
    everything = any(pattern.text in ("*", "**", "**/*") for pattern in ignore.patterns)
    names = []
    for word in found.sources:
        name = clean_path(word)
        is_root = name in (".", "/")
        if source_kind(word) == "local" and (everything if is_root else ignore.ignored(name)):
            names.append(name)
    return names
