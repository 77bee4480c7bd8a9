from pathlib import Path

import pytest

from boxship.engine.security.users import Identity, lookup
from boxship.errors import InvalidParameterError


@pytest.fixture
def root(tmp_path: Path) -> str:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/passwd").write_text(
        "root:x:0:0:root:/root:/bin/sh\n# a comment\nbroken\nweb:x:33:34::/var/www:\n"
    )
    (tmp_path / "etc/group").write_text("root:x:0:\nwww:x:34:\nlogs:x:90:root,web\n")
    return str(tmp_path)


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        ("", Identity(0, 0, (90,), "/root")),
        ("0", Identity(0, 0, (90,), "/root")),
        ("web", Identity(33, 34, (90,), "/var/www")),
        ("33", Identity(33, 34, (90,), "/var/www")),
        ("web:logs", Identity(33, 90, (), "/var/www")),
        ("1234", Identity(1234, 0, (), "/")),
        ("1234:567", Identity(1234, 567, (), "/")),
    ],
)
def test_users(root: str, user: str, expected: Identity) -> None:
    assert lookup(root, user) == expected


def test_additional_groups(root: str) -> None:
    assert lookup(root, "web", ("www", "77")).additional_gids == (90, 34, 77)


@pytest.mark.parametrize(
    ("user", "words"),
    [
        ("nobody", "unable to find user nobody: no matching entries in passwd file"),
        ("web:none", "unable to find group none: no matching entries in group file"),
        ("9" * 5000, "uids and gids must be in range 0-2147483647"),
        ("9999999999", "uids and gids must be in range 0-2147483647"),
    ],
)
def test_unknown(root: str, user: str, words: str) -> None:
    with pytest.raises(InvalidParameterError, match=words):
        lookup(root, user)


def test_no_link_leads_out(root: str, tmp_path: Path) -> None:
    """A passwd file that points at the host's is looked for inside."""
    (tmp_path / "etc/passwd").unlink()
    (tmp_path / "etc/passwd").symlink_to("/../../../../../../etc/passwd")
    with pytest.raises(InvalidParameterError):
        lookup(root, "daemon")


def test_files_may_be_missing(tmp_path: Path) -> None:
    assert lookup(str(tmp_path), "") == Identity(0, 0, (), "/root")
    assert lookup(str(tmp_path), "5:6") == Identity(5, 6, (), "/")


def test_numbers_of_the_image_that_cannot_be_read(root: str, tmp_path: Path) -> None:
    (tmp_path / "etc/passwd").write_text(f"web:x:{'9' * 5000}:1::/:\nweb:x:5:6::/:\n")
    (tmp_path / "etc/group").write_text(f"odd:x:{'9' * 5000}:web\n")
    assert lookup(root, "web") == Identity(5, 6, (), "/")
