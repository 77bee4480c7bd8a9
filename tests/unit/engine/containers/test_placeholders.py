"""What the engine puts into a container to mount on it is no change of the container's."""

import pytest

from boxship.engine.containers.placeholders import without_placeholders
from boxship.engine.storage.snapshots.layer import Change, ChangeKind


def _changes(text: str) -> list[Change]:
    pairs = [word.split(":") for word in text.split()]
    return [Change(ChangeKind(kind), path) for kind, path in pairs]


@pytest.mark.parametrize(
    ("found", "shown"),
    [
        ("C:/etc A:/etc/hosts A:/etc/hostname A:/etc/resolv.conf", ""),
        ("A:/etc A:/etc/hosts A:/a", "A:/a"),
        ("C:/etc A:/etc/hosts A:/etc/mine", "C:/etc A:/etc/mine"),
        ("C:/etc", "C:/etc"),
        ("C:/etc C:/etc/hosts", "C:/etc C:/etc/hosts"),
        ("A:/dev A:/dev/console A:/dev/pts A:/dev/shm A:/proc A:/sys A:/.dockerenv", ""),
        ("A:/dev A:/dev/mine A:/dev/pts", "A:/dev A:/dev/mine"),
        ("D:/etc/hostname A:/etc2", "D:/etc/hostname A:/etc2"),
    ],
)
def test_without_placeholders(found: str, shown: str) -> None:
    assert without_placeholders(_changes(found)) == _changes(shown)
