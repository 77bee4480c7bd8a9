"""``boxship login``."""

import binascii
import sys

from boxship.cli import credentials
from boxship.cli.errors import CliError
from boxship.cli.flags import Flag, Flags
from boxship.cli.session import Cli
from boxship.cli.terminal import STDIN, is_terminal
from boxship.client import jsontext
from boxship.client.calls.system import system_auth
from boxship.errors import BoxshipError, UnauthorizedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

EXIT_INTERRUPTED = 130
USAGE = "[OPTIONS] [SERVER]"
ARGS: tuple[int, int | None] = (0, 1)
FLAGS = (
    Flag("password", "p", "string", "Password"),
    Flag("password-stdin", "", "bool", "Take the password from stdin"),
    Flag("username", "u", "string", "Username"),
)


def run(cli: Cli, flags: Flags, args: list[str]) -> int:
    """Check a login with the registry and keep it."""
    key = credentials.server_key(credentials.login_domain(args[0] if args else ""))
    user, password = _given(cli, flags)
    status = ""
    if not user and not password:
        status = _with_stored(cli, key)
    if not status and not (user and password):
        if not is_terminal(STDIN):
            raise CliError("error: cannot perform an interactive login from a non-TTY device")
        if not user and not password:
            status = _with_browser(cli, key)
    if not status:
        if not (user and password):
            user, password = _ask_terminal(cli, key, user, password)
        status = _check(cli, key, user, password)
    cli.print(status)
    return 0


def _check(cli: Cli, key: str, user: str, password: str) -> str:
    answer = cli.json(system_auth({"username": user, "password": password, "serveraddress": key}))
    token = str((answer or {}).get("IdentityToken") or "")
    _store(cli, key, user, password, token)
    return _status(answer)


def _status(answer: "Any") -> str:
    return str((answer or {}).get("Status") or "Login Succeeded")


def _with_stored(cli: Cli, key: str) -> str:
    """Try what is kept already; empty where it does not do."""
    known = credentials.for_registry(cli.config, credentials.hostname(key))
    user, password = known.get("username", ""), known.get("password", "")
    if not user or not password:
        return ""
    cli.print(
        f"Authenticating with existing credentials... [Username: {user}]\n"
        "To login with a different account, run 'boxship logout' followed by 'boxship login'\n"
    )
    try:
        return _check(cli, key, user, password)
    except UnauthorizedError:
        cli.warn("Stored credentials invalid or expired")
    except BoxshipError as error:
        cli.warn(f"Login did not succeed, error: {error}")
    return ""


def _with_browser(cli: Cli, key: str) -> str:
    """Log in with a code that is confirmed in a browser; empty where the registry offers none."""
    from boxship.cli import device_login

    domain = credentials.login_domain(key)
    server = None if device_login.is_disabled() else device_login.find_server(cli.config, domain)
    if server is None:
        return ""
    device = device_login.begin(server)
    if device is None:
        cli.warn("Failed to start web-based login - falling back to command line login...\n")
        return ""
    try:
        cli.warn(device_login.instructions(device, domain))
        keyboard = device_login.Keyboard(device.complete_url)
        token = device_login.wait_for_token(server, device, keyboard.pause)
    except KeyboardInterrupt:
        raise CliError("login canceled", EXIT_INTERRUPTED) from None
    answer = cli.json(system_auth({"identitytoken": token, "serveraddress": key}))
    _store(cli, key, "", "", str((answer or {}).get("IdentityToken") or token))
    return _status(answer)


def _given(cli: Cli, flags: Flags) -> tuple[str, str]:
    """The user name and the password of the command line or standard input."""
    user, password = flags.text("username"), flags.text("password")
    if flags.changed("password"):
        cli.warn("WARNING! Using --password via the CLI is insecure. Use --password-stdin.")
    if flags.on("password-stdin"):
        if flags.changed("password"):
            raise CliError("conflicting options: --password and --password-stdin")
        if not user:
            raise CliError("the --password-stdin option requires --username to be set")
        password = sys.stdin.read().removesuffix("\n").removesuffix("\r")
    return user, password


def _ask_terminal(cli: Cli, key: str, user: str, password: str) -> tuple[str, str]:
    import getpass

    if not user:
        known = credentials.for_registry(cli.config, credentials.hostname(key)).get("username", "")
        shown = f" ({known})" if known else ""
        user = input(f"Username{shown}: ").strip() or known
    if not user:
        raise CliError("error: username is required")
    password = password or getpass.getpass("Password: ")
    if not password:
        raise CliError("error: password is required")
    return user, password


def _store(cli: Cli, key: str, user: str, password: str, token: str) -> None:
    helper = credentials.helper_name(cli.config, key)
    if helper:
        secret = {"ServerURL": key, "Username": "<token>" if token else user}
        secret["Secret"] = token or password
        credentials.run_helper(helper, "store", jsontext.dumps(secret))
        return
    entry = {}
    if user:
        pair = f"{user}:{'' if token else password}".encode()
        entry["auth"] = binascii.b2a_base64(pair, newline=False).decode("ascii")
    if token:
        entry["identitytoken"] = token
    cli.config.document.setdefault("auths", {})[key] = entry
    cli.config.save()
    cli.warn(
        f"WARNING! Your credentials are stored unencrypted in '{cli.config.path}'.\n"
        "Configure a credential helper (credsStore in that file) to remove this warning."
    )
