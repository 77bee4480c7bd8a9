"""htpasswd files: formats, changes, mistakes."""

import os
from pathlib import Path

import pytest

from boxship.engine.registry.server.faults import UnauthorizedError
from boxship.engine.registry.server.passwords import (
    PasswordAuthority,
    PasswordFile,
    apr1,
    basic_credentials,
    matches,
)
from boxship.errors import InvalidParameterError

# Made with `htpasswd -bn` and openssl: the password is "secret" in each.
BCRYPT = "$2b$04$Cp74dUCMu7HVTSwwX5pcseik8mimtLcgVlVVlTt1NfqnFOyjil9/a"
SHA = "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ="


@pytest.mark.parametrize("entry", [BCRYPT, BCRYPT.replace("$2b$", "$2y$"), SHA])
def test_a_password_is_right_or_wrong(entry: str) -> None:
    assert matches("secret", entry)
    assert not matches("Secret", entry)
    assert not matches("", entry)


@pytest.mark.parametrize(
    ("password", "salt", "entry"),
    [
        ("secret", "saltsalt", "$apr1$saltsalt$LrttParrLPdxvgutaSXWJ0"),
        ("", "abc", "$apr1$abc$BfqKdn9xFDWJPa3kcp/PH0"),
        (
            "a much longer password than one block",
            "xxxxxxxx",
            "$apr1$xxxxxxxx$njSfEAtr64okBL1Y4vXFH.",
        ),
    ],
)
def test_apache_md5(password: str, salt: str, entry: str) -> None:
    assert apr1(password.encode(), salt) == entry
    assert matches(password, entry)


def test_a_broken_entry_matches_nothing() -> None:
    assert not matches("secret", "$2b$04$short")


def test_the_file_is_read_again_when_it_changes(tmp_path: Path) -> None:
    path = tmp_path / "htpasswd"
    path.write_text(f"# people\n\nada:{SHA}\n")
    passwords = PasswordFile(path)
    assert passwords.check("ada", "secret")
    assert not passwords.check("bob", "secret")
    path.write_text(f"bob:{BCRYPT}\n")
    os.utime(path, ns=(1, 1))
    assert passwords.check("bob", "secret")
    assert passwords.check("bob", "secret"), "the second time from memory"
    assert not passwords.check("bob", "wrong")
    assert not passwords.check("ada", "secret")


@pytest.mark.parametrize("line", ["ada", "ada:plain", ":{SHA}x", "ada:$1$old$x"])
def test_a_line_of_no_use_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "htpasswd"
    path.write_text(f"bob:{SHA}\n{line}\n")
    with pytest.raises(InvalidParameterError, match=r"line 2: not a user with a bcrypt"):
        PasswordFile(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        InvalidParameterError, match=r"cannot read the password file .*No such file"
    ):
        PasswordFile(tmp_path / "none")


@pytest.mark.parametrize("header", ["Bearer x", "Basic !!!", "Basic YWJj", "Basic", "x"])
def test_malformed_credentials(header: str) -> None:
    with pytest.raises(UnauthorizedError, match="malformed credentials"):
        basic_credentials(header)


async def test_what_strangers_may_do(tmp_path: Path) -> None:
    path = tmp_path / "htpasswd"
    path.write_text(f"ada:{SHA}\n")
    closed = await PasswordAuthority(PasswordFile(path)).grant("")
    assert not closed.is_known
    assert not closed.allows("app", "pull")
    opened = await PasswordAuthority(PasswordFile(path), anonymous_pull=True).grant("")
    assert opened.allows("app", "pull")
    assert not opened.allows("app", "push")
    assert not opened.allows("", "*")
