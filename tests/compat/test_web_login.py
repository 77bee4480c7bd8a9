"""``boxship login`` without a user name: a code, a browser elsewhere, the engine's own check."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.cli import Cli
from tests.support.oauth import DENIED, PENDING, REFRESH_TOKEN, USER_CODE, OAuthRegistry
from tests.support.waiting import wait_until


@pytest.fixture
def offering(boxship: Cli) -> Iterator[OAuthRegistry]:
    """A registry that offers device authorisation; nobody is logged in there afterwards."""
    registry = OAuthRegistry(PENDING, PENDING)
    yield registry
    boxship("logout", registry.host)
    registry.close()


def kept(cli: Cli, host: str) -> Any:
    """What the configuration keeps of a login."""
    document = json.loads((Path(cli.env["DOCKER_CONFIG"]) / "config.json").read_text())
    return document["auths"].get(host)


def test_a_login_in_the_browser(boxship: Cli, offering: OAuthRegistry) -> None:
    with boxship.terminal("login", offering.host) as terminal:
        terminal.expect("USING WEB-BASED LOGIN")
        terminal.expect(f"Your one-time device confirmation code is: {USER_CODE}")
        terminal.expect(f"submit your device code here: {offering.url}/activate")
        terminal.expect("Waiting for authentication in the browser…")
        terminal.expect("Login Succeeded")
        assert terminal.wait() == 0
    assert kept(boxship, offering.host) == {"identitytoken": REFRESH_TOKEN}
    *polls, trade = offering.posted("/token")
    assert len(polls) == 3
    assert trade["refresh_token"] == REFRESH_TOKEN
    assert trade["client_id"] == polls[0]["client_id"]


def test_enter_opens_the_browser(boxship: Cli, offering: OAuthRegistry, tmp_path: Path) -> None:
    opened = tmp_path / "opened"
    program = tmp_path / "xdg-open"
    program.write_text(f'#!/bin/sh\necho "$1" > {opened}.part && mv {opened}.part {opened}\n')
    program.chmod(0o755)
    offering.afterwards = PENDING
    path = f"{tmp_path}:{boxship.env['PATH']}"
    cli = Cli(boxship.program, {**boxship.env, "PATH": path}, boxship.cwd)
    with cli.terminal("login", offering.host) as terminal:
        terminal.expect("Waiting for authentication")
        terminal.send("\n")
        wait_until(opened.exists)
        assert opened.read_text().strip() == f"{offering.url}/activate?user_code={USER_CODE}"
        offering.afterwards = DENIED
        terminal.expect("failed waiting for authentication: the request was denied in the browser")
        assert terminal.wait() == 1
    assert not kept(boxship, offering.host)


def test_ctrl_c_ends_the_wait(boxship: Cli, offering: OAuthRegistry) -> None:
    offering.afterwards = PENDING
    with boxship.terminal("login", offering.host) as terminal:
        terminal.expect("Waiting for authentication")
        terminal.send("\x03")
        terminal.expect("login canceled")
        assert terminal.wait() == 130


def test_without_a_terminal(boxship: Cli, offering: OAuthRegistry) -> None:
    said = boxship.fails("login", offering.host)
    assert said.strip() == "error: cannot perform an interactive login from a non-TTY device"
    assert offering.forms == []


def test_without_such_a_server_the_password_is_asked(boxship: Cli, offering: OAuthRegistry) -> None:
    offering.metadata = None
    with boxship.terminal("login", offering.host) as terminal:
        terminal.expect("Username: ")
        terminal.send("me\n")
        terminal.expect("Password: ")
        terminal.send("\x03")
        assert terminal.wait() == 130


def test_a_server_that_gives_no_code(boxship: Cli, offering: OAuthRegistry) -> None:
    offering.begun = (400, {"error": "unauthorized_client"})
    with boxship.terminal("login", offering.host) as terminal:
        terminal.expect("Failed to start web-based login - falling back to command line login")
        terminal.expect("Username: ")
