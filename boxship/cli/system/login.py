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

USAGE = "[OPTIONS] [SERVER]"
ARGS: tuple[int, int | None] = (0, 1)
FLAGS = (
    Flag("password", "p", "string", "Password"),
    Flag("password-stdin", "", "bool", "Take the password from stdin"),
    Flag("username", "u", "string", "Username"),
)


def run(cli: Cli, flags: Flags, args: list[str]) -> int:
    """Check a login with the registry and keep it."""
    domain = credentials.login_domain(args[0] if args else "")
    key = credentials.server_key(domain)
    user, password = _ask(cli, flags, key)
    answer = cli.json(system_auth({"username": user, "password": password, "serveraddress": key}))
    token = str((answer or {}).get("IdentityToken") or "")
    _store(cli, key, user, password, token)
    cli.print(str((answer or {}).get("Status") or "Login Succeeded"))
    return 0


def _ask(cli: Cli, flags: Flags, key: str) -> tuple[str, str]:
    user, password = flags.text("username"), flags.text("password")
    if flags.changed("password"):
        cli.warn("WARNING! Using --password via the CLI is insecure. Use --password-stdin.")
    if flags.on("password-stdin"):
        if flags.changed("password"):
            raise CliError("conflicting options: --password and --password-stdin")
        if not user:
            raise CliError("the --password-stdin option requires --username to be set")
        password = sys.stdin.read().removesuffix("\n").removesuffix("\r")
    if user and password:
        return user, password
    if not is_terminal(STDIN):
        raise CliError("error: cannot perform an interactive login from a non-TTY device")
    return _ask_terminal(cli, key, user, password)


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
    encoded = binascii.b2a_base64(f"{user}:{'' if token else password}".encode(), newline=False)
    entry = {"auth": encoded.decode("ascii")}
    if token:
        entry["identitytoken"] = token
    cli.config.document.setdefault("auths", {})[key] = entry
    cli.config.save()
    cli.warn(
        f"WARNING! Your credentials are stored unencrypted in '{cli.config.path}'.\n"
        "Configure a credential helper (credsStore in that file) to remove this warning."
    )
