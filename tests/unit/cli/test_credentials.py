"""Logins: config.json, helpers, the header they become."""

import base64
import json
import stat
from pathlib import Path

import pytest

from boxship.cli import credentials
from boxship.cli.configfile import ConfigFile
from boxship.cli.errors import CliError
from boxship.cli.main import main
from boxship.client.testing import Asked, Connection, fake_engine


def config_of(tmp_path: Path, **document: object) -> ConfigFile:
    (tmp_path / "config.json").write_text(json.dumps(document))
    return ConfigFile.load(str(tmp_path))


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("key", "domain"),
    [
        ("host:5000", "host:5000"),
        ("https://host:5000", "host:5000"),
        ("https://index.docker.io/v1/", "docker.io"),
    ],
)
def test_a_login_is_found(tmp_path: Path, key: str, domain: str) -> None:
    config = config_of(tmp_path, auths={key: {"auth": encoded("me:pass:word")}})
    found = credentials.for_registry(config, domain)
    assert (found["username"], found["password"]) == ("me", "pass:word")
    assert credentials.for_registry(config, "other") == {}


def test_a_token_login(tmp_path: Path) -> None:
    config = config_of(tmp_path, auths={"host": {"auth": "", "identitytoken": "t"}})
    found = credentials.for_registry(config, "host")
    assert found == {"identitytoken": "t", "serveraddress": "host"}


def test_a_damaged_login_is_named(tmp_path: Path) -> None:
    config = config_of(tmp_path, auths={"host": {"auth": "a"}})
    with pytest.raises(CliError, match="login for host in the configuration is damaged"):
        credentials.for_registry(config, "host")


def install_helper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str) -> None:
    program = tmp_path / "docker-credential-fake"
    program.write_text(f"#!/bin/sh\n{body}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")


@pytest.mark.parametrize("setting", [{"credsStore": "fake"}, {"credHelpers": {"host": "fake"}}])
def test_a_helper_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, setting: dict[str, object]
) -> None:
    answer = """printf '{"Username":"%s","Secret":"s"}' "$server\""""
    install_helper(tmp_path, monkeypatch, f"read server; {answer}")
    found = credentials.for_registry(config_of(tmp_path, **setting), "host")
    assert found == {"username": "host", "password": "s", "serveraddress": "host"}


def test_a_helper_without_a_login(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_helper(tmp_path, monkeypatch, "echo credentials not found in native keychain; exit 1")
    assert credentials.for_registry(config_of(tmp_path, credsStore="fake"), "host") == {}


def test_a_broken_helper_is_named(tmp_path: Path) -> None:
    config = config_of(tmp_path, credsStore="missing-helper")
    with pytest.raises(CliError, match="cannot run docker-credential-missing-helper"):
        credentials.for_registry(config, "host")


def test_the_header_is_urlsafe_base64_of_json() -> None:
    header = credentials.encode({"username": "??>>", "password": "ÿÿ"})
    assert json.loads(base64.urlsafe_b64decode(header)) == {"username": "??>>", "password": "ÿÿ"}
    assert credentials.encode({}) == ""


def test_login_and_logout(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    def handle(connection: Connection, _: Asked) -> None:
        connection.answer({"Status": "Login Succeeded", "IdentityToken": ""})

    (tmp_path / "config.json").write_text('{"kept": 1}')
    with fake_engine(tmp_path, handle) as engine:
        flags = ["--config", str(tmp_path), "-H", f"unix://{engine.path}"]
        assert main([*flags, "login", "-u", "me", "-p", "secret", "host:5000"]) == 0
        assert engine.asked[0].json == {
            "username": "me",
            "password": "secret",
            "serveraddress": "host:5000",
        }
        path = tmp_path / "config.json"
        auths = {"host:5000": {"auth": encoded("me:secret")}}
        assert json.loads(path.read_text()) == {"kept": 1, "auths": auths}
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert main([*flags, "logout", "host:5000"]) == 0
        assert json.loads(path.read_text()) == {"kept": 1, "auths": {}}
        assert main([*flags, "logout", "host:5000"]) == 0
    assert capfd.readouterr().out == (
        "Login Succeeded\nRemoving login credentials for host:5000\nNot logged in to host:5000\n"
    )


def test_a_login_that_is_kept_is_tried_first(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A refused one leads to the questions, which nobody answers without a terminal."""
    answers = iter([200, 401])

    def handle(connection: Connection, _: Asked) -> None:
        status = next(answers)
        body = {"Status": "Login Succeeded"} if status == 200 else {"message": "no"}
        connection.answer(body, status)

    config_of(tmp_path, auths={"host:5000": {"auth": encoded("me:secret")}})
    with fake_engine(tmp_path, handle) as engine:
        command = ["--config", str(tmp_path), "-H", f"unix://{engine.path}", "login", "host:5000"]
        assert main(command) == 0
        said = capfd.readouterr().out
        assert said.startswith("Authenticating with existing credentials... [Username: me]\n")
        assert said.endswith("\nLogin Succeeded\n")
        assert main(command) == 1
        assert capfd.readouterr().err == (
            "Stored credentials invalid or expired\n"
            "error: cannot perform an interactive login from a non-TTY device\n"
        )
        assert len(engine.asked) == 2


def test_a_pull_carries_the_login(tmp_path: Path) -> None:
    def handle(connection: Connection, _: Asked) -> None:
        connection.answer_chunks([b'{"status":"Digest: sha256:0"}\n'])

    config_of(tmp_path, auths={"host:5000": {"auth": encoded("me:secret")}})
    with fake_engine(tmp_path, handle) as engine:
        flags = ["--config", str(tmp_path), "-H", f"unix://{engine.path}"]
        assert main([*flags, "pull", "-q", "host:5000/image"]) == 0
        header = engine.asked[0].headers["x-registry-auth"]
    assert json.loads(base64.urlsafe_b64decode(header))["username"] == "me"


@pytest.mark.parametrize("text", ["{", "[]"])
def test_a_damaged_configuration_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(CliError, match="cannot read the configuration file"):
        ConfigFile.load(str(tmp_path))
