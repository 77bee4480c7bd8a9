"""Docker's filters for lists of images and for pruning them."""

import fnmatch
import time
from collections.abc import Callable, Mapping, Sequence

from boxship.engine.images.catalog import Catalog
from boxship.engine.images.image import Image
from boxship.errors import InvalidParameterError
from boxship.reference import parse_normalized
from boxship.units import parse_timestamp

Filters = Mapping[str, tuple[str, ...]]
Predicate = Callable[[Image], bool]

LIST_KEYS = frozenset({"dangling", "label", "before", "since", "reference", "until"})
PRUNE_KEYS = frozenset({"dangling", "label", "label!", "until"})
_TRUE = frozenset({"1", "true", "True", "t", "T", "TRUE"})
_FALSE = frozenset({"0", "false", "False", "f", "F", "FALSE"})


def check_keys(filters: Filters, allowed: frozenset[str]) -> None:
    """Raise InvalidParameterError for a key that the operation does not have."""
    for key in filters:
        if key not in allowed:
            raise InvalidParameterError(f"invalid filter '{key}'")


def flag(filters: Filters, key: str) -> bool | None:
    """Read a true-or-false filter; None: not given."""
    values = set(filters.get(key, ()))
    if not values:
        return None
    if values <= _TRUE:
        return True
    if values <= _FALSE:
        return False
    raise InvalidParameterError(f"invalid filter '{key}=[{' '.join(sorted(values))}]'")


def predicate(filters: Filters, catalog: Catalog) -> Predicate:
    """Return the test of an image that all filters make together.

    Raises NotFoundError for an image named by before or since, InvalidParameterError.
    """
    tests: list[Predicate] = []
    dangling = flag(filters, "dangling")
    if dangling is not None:
        tests.append(_is_untagged if dangling else _has_name)
    tests += [_made_before(catalog.get(name).created_at_ns) for name in filters.get("before", ())]
    tests += [_made_after(catalog.get(name).created_at_ns) for name in filters.get("since", ())]
    now = time.time_ns()
    tests += [_made_before(parse_timestamp(text, now)) for text in filters.get("until", ())]
    tests += [_labelled(label) for label in filters.get("label", ())]
    tests += [_not(_labelled(label)) for label in filters.get("label!", ())]
    return lambda image: all(test(image) for test in tests)


def _is_untagged(image: Image) -> bool:
    """What Docker lists as dangling: also images that only a digest names."""
    return not image.repo_tags


def _has_name(image: Image) -> bool:
    return not image.is_dangling


def _made_before(moment_ns: int) -> Predicate:
    return lambda image: image.created_at_ns < moment_ns


def _made_after(moment_ns: int) -> Predicate:
    return lambda image: image.created_at_ns > moment_ns


def _labelled(label: str) -> Predicate:
    key, equals, value = label.partition("=")
    return lambda image: key in image.labels and (not equals or image.labels[key] == value)


def _not(test: Predicate) -> Predicate:
    return lambda image: not test(image)


def matches_reference(patterns: Sequence[str], name: str) -> bool:
    """Tell whether a familiar name (``nginx:1.25``) matches any of Docker's patterns.

    ``*`` does not cross a slash (Go's path.Match); the pattern is held against the name, the name
    without its tag, and the whole canonical name.
    """
    reference = parse_normalized(name)
    forms = {reference.familiar, reference.familiar_name, str(reference), reference.name}
    return any(_glob(form, pattern) for pattern in patterns for form in forms)


def _glob(text: str, pattern: str) -> bool:
    parts, wanted = text.split("/"), pattern.split("/")
    return len(parts) == len(wanted) and all(map(fnmatch.fnmatchcase, parts, wanted))
