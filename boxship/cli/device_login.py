"""Logging in with a browser elsewhere: OAuth 2.0 device authorisation (RFC 8628).

A registry's authorisation server stands in config.json (``deviceAuth``), or is found beside the
realm that the registry names (RFC 8414). Imported by nothing but ``login``.
"""

import os
import re
import select
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any
from urllib.parse import urlencode, urlsplit

from boxship.cli.configfile import ConfigFile
from boxship.cli.errors import CliError
from boxship.cli.terminal import STDIN
from boxship.client import jsontext
from boxship.reference import DEFAULT_DOMAIN

CLIENT = "boxship"
"""The client ID, also that with which the engine trades the refresh token for bearer tokens."""
SCOPE = "openid offline_access"
DISABLE = "DOCKER_CLI_DISABLE_OAUTH_LOGIN"
"""Environment variable of Docker's: ask for user name and password at once."""
WELL_KNOWN = "/.well-known/oauth-authorization-server"
TIMEOUT_S = 5.0
SLOWER_S = 5.0
DEFAULT_INTERVAL_S = 5.0
MIN_INTERVAL_S = 0.1
DEFAULT_LIFETIME_S = 900.0
MAX_ANSWER = 1 << 20
_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
_REALM = re.compile(r'\bbearer\b.*?\brealm\s*=\s*"([^"]+)"', re.IGNORECASE)
_HUB = "registry-1.docker.io"

Pause = Callable[[float], None]


@dataclass(frozen=True)
class Server:
    """An authorisation server: two URLs, and who we are to it."""

    authorization: str
    token: str
    client: str = CLIENT
    scope: str = SCOPE


@dataclass(frozen=True)
class Device:
    """What a server has begun for us. Times in seconds."""

    device_code: str
    user_code: str
    url: str
    complete_url: str
    interval: float
    lifetime: float


def is_disabled() -> bool:
    """Whether the user wants no such login."""
    return os.environ.get(DISABLE, "").lower() in ("1", "t", "true")


def find_server(config: ConfigFile, domain: str) -> Server | None:
    """Return a registry's authorisation server, None where it has none that we can use.

    Raises CliError for settings that are no use.
    """
    setting = config.table("deviceAuth").get(domain)
    if setting is not None:
        return _configured(setting, domain)
    host = _HUB if domain == DEFAULT_DOMAIN else domain
    realm = urlsplit(_realm(host))
    if not realm.netloc:
        return None
    base = f"{realm.scheme}://{realm.netloc}"
    status, found = _exchange(f"{base}{WELL_KNOWN}")
    if status != 200 or urlsplit(str(found.get("issuer") or base)).netloc != realm.netloc:
        return None
    endpoints = (found.get("device_authorization_endpoint"), found.get("token_endpoint"))
    authorization, token = (str(url or "") for url in endpoints)
    return Server(authorization, token) if _is_safe(authorization) and _is_safe(token) else None


def _configured(setting: object, domain: str) -> Server:
    table = setting if isinstance(setting, dict) else {}
    authorization, token = str(table.get("authorization", "")), str(table.get("token", ""))
    if not _is_safe(authorization) or not _is_safe(token):
        raise CliError(
            f'the configuration\'s deviceAuth for {domain} needs "authorization" and "token": '
            "https URLs of the authorization server"
        )
    client, scope = str(table.get("client") or CLIENT), str(table.get("scope") or SCOPE)
    return Server(authorization, token, client, scope)


def _is_safe(url: str) -> bool:
    """Whether secrets may go there: encrypted, or not off this machine."""
    parts = urlsplit(url)
    return parts.scheme == "https" or (parts.scheme == "http" and _is_local(parts.hostname or ""))


def _is_local(name: str) -> bool:
    return name in ("localhost", "::1") or name.startswith("127.")


def _realm(host: str) -> str:
    """Return where a registry sends clients for tokens, empty if it does not say."""
    local = _is_local(host.rpartition(":")[0] or host)
    for scheme in ("https", "http") if local else ("https",):
        try:
            with urllib.request.urlopen(f"{scheme}://{host}/v2/", timeout=TIMEOUT_S):
                return ""
        except urllib.error.HTTPError as answer:
            challenge = ", ".join(answer.headers.get_all("WWW-Authenticate") or ())
            answer.close()
            named = _REALM.search(challenge)
            return named[1] if named and _is_safe(named[1]) else ""
        except (OSError, HTTPException, ValueError):
            continue
    return ""


def _exchange(url: str, form: dict[str, str] | None = None) -> tuple[int, dict[str, Any]]:
    """GET, or POST a form; status 0 stands for no answer. A body that is no object is empty."""
    body = urlencode(form).encode() if form is not None else None
    request = urllib.request.Request(url, body, {"Accept": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
            return answer.status, _object(answer.read(MAX_ANSWER))
    except urllib.error.HTTPError as error:
        with error:
            return error.code, _object(error.read(MAX_ANSWER))
    except (OSError, HTTPException, ValueError):
        return 0, {}


def _object(data: bytes) -> dict[str, Any]:
    try:
        found = jsontext.loads(data)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def begin(server: Server) -> Device | None:
    """Ask for a code that the user types elsewhere; None if the server gives none."""
    form = {"client_id": server.client, "scope": server.scope}
    status, answer = _exchange(server.authorization, form)
    device_code, user_code = (str(answer.get(name) or "") for name in ("device_code", "user_code"))
    url = str(answer.get("verification_uri") or answer.get("verification_url") or "")
    shown = user_code + url
    if status != 200 or not device_code or not user_code or not url or not shown.isprintable():
        return None
    complete = str(answer.get("verification_uri_complete") or url)
    interval = max(_seconds(answer.get("interval"), DEFAULT_INTERVAL_S), MIN_INTERVAL_S)
    lifetime = _seconds(answer.get("expires_in"), DEFAULT_LIFETIME_S)
    return Device(device_code, user_code, url, complete, interval, lifetime)


def _seconds(value: object, default: float) -> float:
    return float(value) if isinstance(value, (int, float)) else default


def wait_for_token(
    server: Server,
    device: Device,
    pause: Pause,
    clock: Callable[[], float] = time.monotonic,
) -> str:
    """Return the refresh token once the user has agreed in the browser.

    pause: waits for a number of seconds between two questions. Raises CliError when the user
    refuses, the code is too old, or the server wants no more of us.
    """
    deadline, interval = clock() + device.lifetime, device.interval
    form = {
        "client_id": server.client,
        "grant_type": _GRANT,
        "device_code": device.device_code,
    }
    while clock() < deadline:
        pause(interval)
        status, answer = _exchange(server.token, form)
        if status == 200:
            return _refresh_token(answer)
        reason = str(answer.get("error") or "")
        if reason == "slow_down" or status == 0:
            interval += SLOWER_S
        elif reason != "authorization_pending" and status < 500:
            raise _failed(reason, answer)
    raise _failed("expired_token", {})


def _refresh_token(answer: dict[str, Any]) -> str:
    token = str(answer.get("refresh_token") or "")
    if not token:
        raise CliError(
            "failed waiting for authentication: the authorization server gave no refresh token; "
            "log in with 'boxship login -u <username>'"
        )
    return token


def _failed(reason: str, answer: dict[str, Any]) -> CliError:
    described = str(answer.get("error_description") or "")
    known = {
        "access_denied": "the request was denied in the browser",
        "expired_token": "timed out waiting for device token: the code has expired",
    }
    text = known.get(reason) or described or reason or "no OAuth 2.0 answer"
    return CliError(f"failed waiting for authentication: {text}")


def instructions(device: Device, domain: str) -> str:
    """What the user has to do, in Docker's words."""
    place = "" if domain == DEFAULT_DOMAIN else f"{domain} "
    return (
        "\nUSING WEB-BASED LOGIN\n"
        "> To sign in with credentials on the command line, use "
        f"'boxship login {place}-u <username>'\n\n"
        f"Your one-time device confirmation code is: {device.user_code}\n"
        "Press ENTER to open your browser or submit your device code here: "
        f"{device.url.partition('?')[0]}\n\n"
        "Waiting for authentication in the browser…"
    )


class Keyboard:
    """Waits, and opens the browser when ENTER is pressed meanwhile."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._is_watched = True

    def pause(self, seconds: float) -> None:
        """Wait for so long."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            ready, _, _ = select.select([STDIN] if self._is_watched else [], [], [], left)
            if ready:
                self._is_watched = False
                if sys.stdin.readline():
                    open_browser(self._url)


def open_browser(url: str) -> None:
    """Show a page to the user, where there is a desktop; else the printed URL has to do."""
    import subprocess

    quiet = subprocess.DEVNULL
    command = ["xdg-open", url]
    try:
        subprocess.Popen(command, stdin=quiet, stdout=quiet, stderr=quiet, start_new_session=True)
    except OSError:
        return
