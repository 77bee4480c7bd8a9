"""Device authorisation: where the server is, how it is asked, what each of its answers means."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from boxship.cli.configfile import ConfigFile
from boxship.cli.device_login import Server, begin, find_server, instructions, wait_for_token
from boxship.cli.errors import CliError
from tests.support.oauth import (
    DENIED,
    EXPIRED,
    GRANTED,
    PENDING,
    REFRESH_TOKEN,
    SLOW_DOWN,
    USER_CODE,
    Answer,
    OAuthRegistry,
)


@pytest.fixture
def registry() -> Iterator[OAuthRegistry]:
    """A registry that offers device authorisation."""
    server = OAuthRegistry()
    yield server
    server.close()


def config(tmp_path: Path, **document: object) -> ConfigFile:
    (tmp_path / "config.json").write_text(json.dumps(document))
    return ConfigFile.load(str(tmp_path))


class Clock:
    """Time that passes only while somebody pauses."""

    def __init__(self) -> None:
        self.now = 0.0
        self.pauses: list[float] = []

    def __call__(self) -> float:
        return self.now

    def pause(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds
        self.pauses.append(round(seconds, 3))


def wait(registry: OAuthRegistry, clock: Clock) -> str:
    server = Server(f"{registry.url}/device", f"{registry.url}/token")
    device = begin(server)
    assert device is not None
    return wait_for_token(server, device, clock.pause, clock)


def test_it_is_found_beside_the_realm(registry: OAuthRegistry, tmp_path: Path) -> None:
    found = find_server(config(tmp_path), registry.host)
    assert found == Server(f"{registry.url}/device", f"{registry.url}/token")


@pytest.mark.parametrize(
    "metadata",
    [
        None,
        {"issuer": "https://other.example"},
        {"token_endpoint": "https://other.example/token"},
        {"device_authorization_endpoint": "http://other.example/device"},
    ],
)
def test_a_server_that_is_no_use(
    registry: OAuthRegistry, tmp_path: Path, metadata: dict[str, object] | None
) -> None:
    """Without metadata, of another issuer, with one URL only, or without encryption."""
    whole = registry.metadata or {}
    changed = {**whole, **metadata} if metadata else None
    if metadata and "token_endpoint" in metadata:
        changed = metadata
    registry.metadata = changed
    assert find_server(config(tmp_path), registry.host) is None


def test_a_registry_that_is_not_there(registry: OAuthRegistry, tmp_path: Path) -> None:
    registry.close()
    assert find_server(config(tmp_path), registry.host) is None


def test_the_configuration_names_it(tmp_path: Path) -> None:
    table = {"authorization": "https://a.example/d", "token": "https://a.example/t", "client": "me"}
    settings = config(tmp_path, deviceAuth={"reg.example": table})
    assert find_server(settings, "reg.example") == Server(
        "https://a.example/d", "https://a.example/t", "me"
    )


@pytest.mark.parametrize(
    "table", [{}, "x", {"authorization": "https://a.example", "token": "http://a.example"}]
)
def test_a_setting_that_is_no_use(tmp_path: Path, table: object) -> None:
    settings = config(tmp_path, deviceAuth={"reg.example": table})
    with pytest.raises(CliError, match=r"deviceAuth for reg\.example needs"):
        find_server(settings, "reg.example")


def test_the_user_is_told_what_to_do(registry: OAuthRegistry) -> None:
    device = begin(Server(f"{registry.url}/device", ""))
    assert device is not None
    assert instructions(device, "reg.example").splitlines()[1:] == [
        "USING WEB-BASED LOGIN",
        "> To sign in with credentials on the command line, use "
        "'boxship login reg.example -u <username>'",
        "",
        f"Your one-time device confirmation code is: {USER_CODE}",
        "Press ENTER to open your browser or submit your device code here: "
        f"{registry.url}/activate",
        "",
        "Waiting for authentication in the browser…",
    ]
    (asked,) = registry.posted("/device")
    assert asked == {"client_id": "boxship", "scope": "openid offline_access"}


@pytest.mark.parametrize(
    "begun",
    [
        (400, {"error": "unauthorized_client"}),
        (200, {}),
        (200, {"device_code": "d", "user_code": "\x1b[2J", "verification_uri": "https://x"}),
    ],
)
def test_no_code_is_given(registry: OAuthRegistry, begun: Answer) -> None:
    registry.begun = begun
    assert begin(Server(f"{registry.url}/device", "")) is None


def test_it_asks_until_the_user_agrees(registry: OAuthRegistry) -> None:
    registry.polls.extend([PENDING, PENDING, GRANTED])
    clock = Clock()
    assert wait(registry, clock) == REFRESH_TOKEN
    assert clock.pauses == [0.1, 0.1, 0.1]


def test_it_slows_down_when_told(registry: OAuthRegistry) -> None:
    registry.polls.extend([PENDING, SLOW_DOWN, PENDING, SLOW_DOWN])
    clock = Clock()
    assert wait(registry, clock) == REFRESH_TOKEN
    assert clock.pauses == [0.1, 0.1, 5.1, 5.1, 10.1]


def test_a_server_in_trouble_is_asked_again(registry: OAuthRegistry) -> None:
    registry.polls.extend([(503, {}), PENDING])
    assert wait(registry, Clock()) == REFRESH_TOKEN


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (DENIED, "the request was denied in the browser"),
        (EXPIRED, "timed out waiting for device token: the code has expired"),
        ((400, {"error": "invalid_grant", "error_description": "no such code"}), "no such code"),
        ((404, {}), "no OAuth 2.0 answer"),
        ((200, {"access_token": "a"}), "gave no refresh token; log in with"),
    ],
)
def test_it_ends_without_a_login(registry: OAuthRegistry, answer: Answer, words: str) -> None:
    registry.polls.append(answer)
    with pytest.raises(CliError, match=f"^failed waiting for authentication: .*{words}"):
        wait(registry, Clock())


def test_a_code_gets_old(registry: OAuthRegistry) -> None:
    """Even if the server never says so."""
    registry.afterwards = PENDING
    registry.begun[1].update(interval=200)
    clock = Clock()
    with pytest.raises(CliError, match="the code has expired"):
        wait(registry, clock)
    assert clock.pauses == [200, 200, 200]
