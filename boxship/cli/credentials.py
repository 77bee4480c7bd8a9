"""Logins for registries: config.json's ``auths``, and the helper programs that hold them."""

import binascii

from boxship.cli.configfile import ConfigFile
from boxship.cli.errors import CliError
from boxship.client import jsontext
from boxship.reference import DEFAULT_DOMAIN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Credentials = dict[str, str]

DEFAULT_INDEX = "https://index.docker.io/v1/"
_TOKEN_USER = "<token>"
_NOT_FOUND = "credentials not found"


def server_key(domain: str) -> str:
    """The key of a registry's login: the host, or for the default registry its index URL."""
    return DEFAULT_INDEX if domain in (DEFAULT_DOMAIN, "index.docker.io") else domain


def for_registry(config: ConfigFile, domain: str) -> "Credentials":
    """The login for a registry, empty when there is none. Raises CliError for a broken helper."""
    key = server_key(domain)
    helper = helper_name(config, key)
    if helper:
        return _ask_helper(helper, key)
    auths = config.table("auths")
    entry = auths.get(key) or next(
        (entry for name, entry in auths.items() if hostname(name) == hostname(key)), None
    )
    return _read_entry(entry, key) if isinstance(entry, dict) else {}


def hostname(address: str) -> str:
    """``https://host/v1/`` as ``host``."""
    return address.partition("://")[2].partition("/")[0] or address.partition("/")[0]


def helper_name(config: ConfigFile, key: str) -> str:
    """The credential helper for a registry, empty for none."""
    return str(config.table("credHelpers").get(hostname(key)) or config.text("credsStore"))


def _read_entry(entry: "dict[str, Any]", key: str) -> "Credentials":
    user, password = str(entry.get("username") or ""), str(entry.get("password") or "")
    if entry.get("auth"):
        try:
            decoded = binascii.a2b_base64(str(entry["auth"])).decode("utf-8")
        except ValueError as error:
            message = f"the login for {key} in the configuration is damaged: {error}; log in again"
            raise CliError(message) from error
        user, _, password = decoded.partition(":")
    found = {
        "username": user,
        "password": password.strip("\0"),
        "identitytoken": str(entry.get("identitytoken") or ""),
        "registrytoken": str(entry.get("registrytoken") or ""),
        "serveraddress": key,
    }
    return {name: value for name, value in found.items() if value}


def _ask_helper(helper: str, key: str) -> "Credentials":
    answer = run_helper(helper, "get", key)
    if answer is None:
        return {}
    document = jsontext.loads(answer)
    user, secret = str(document.get("Username", "")), str(document.get("Secret", ""))
    if user == _TOKEN_USER:
        return {"identitytoken": secret, "serveraddress": key}
    return {"username": user, "password": secret, "serveraddress": key}


def run_helper(helper: str, action: str, text: str) -> str | None:
    """Run ``docker-credential-<helper> <action>``; None when it has no such login."""
    import subprocess

    program = f"docker-credential-{helper}"
    try:
        done = subprocess.run(
            [program, action], input=text, capture_output=True, text=True, check=False
        )
    except OSError as error:
        raise CliError(f"error getting credentials: cannot run {program}: {error}") from error
    if done.returncode == 0:
        return done.stdout
    reason = (done.stdout + done.stderr).strip()
    if _NOT_FOUND in reason:
        return None
    raise CliError(f"error getting credentials - err: {program} failed: {reason}")


def encode(credentials: "Credentials") -> str:
    """The value of ``X-Registry-Auth``: base64url of JSON."""
    if not credentials:
        return ""
    encoded = binascii.b2a_base64(jsontext.dumps(credentials).encode(), newline=False)
    return encoded.decode("ascii").replace("+", "-").replace("/", "_")


def login_domain(server: str) -> str:
    """The registry that ``login`` and ``logout`` mean by their argument."""
    return hostname(server) if server and server != DEFAULT_INDEX else DEFAULT_DOMAIN
