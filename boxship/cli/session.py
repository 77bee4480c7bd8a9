"""What every command works with: the daemon, the user's configuration, the terminal."""

import os
import sys

from boxship.cli.configfile import ConfigFile
from boxship.client.blocking import Client

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from boxship.cli.options import Options
    from boxship.client.core import Call
    from boxship.client.endpoint import Endpoint
    from boxship.client.transports import Transport


class Cli:
    """One invocation. command: the words the user called it by (``container ls``, ``ps``)."""

    def __init__(self, options: "Options", command: str) -> None:
        self.options = options
        self.command = command
        self._client: Client | None = None

    @property
    def config(self) -> ConfigFile:
        """The user's config.json."""
        return self.options.config

    @property
    def client(self) -> Client:
        """The client; nothing is connected before the first call."""
        if self._client is None:
            self._client = self.new_client()
        return self._client

    def new_client(self) -> Client:
        """A client of its own for another thread."""
        return Client(
            self.options.endpoint,
            api_version=self.options.api_version,
            headers=self._headers(),
            connect=self._connect,
        )

    def _headers(self) -> dict[str, str]:
        from boxship import __version__

        agent = {"User-Agent": f"Boxship-Client/{__version__} (linux)"}
        return agent | self.config.http_headers

    def connect(self) -> "Transport":
        """A bare connection to the daemon."""
        return self._connect(self.options.endpoint)

    def _connect(self, endpoint: "Endpoint") -> "Transport":
        from boxship.client import transports
        from boxship.client.errors import ConnectionFailedError

        try:
            return transports.connect(endpoint)
        except ConnectionFailedError as error:
            absent = isinstance(error.__cause__, (FileNotFoundError, ConnectionRefusedError))
            if not (absent and self._may_start_daemon):
                raise
        from boxship.cli import autostart

        return autostart.start_daemon(endpoint)

    @property
    def _may_start_daemon(self) -> bool:
        return self.options.is_default_host and os.environ.get("BOXSHIP_AUTOSTART", "1") != "0"

    @property
    def proxies(self) -> dict[str, str]:
        """Environment for new containers that the user's configuration asks for."""
        table = self.config.table("proxies")
        if not table:
            return {}
        chosen = table.get(self.options.endpoint.url) or table.get("default") or {}
        names = {
            "httpProxy": "HTTP_PROXY",
            "httpsProxy": "HTTPS_PROXY",
            "noProxy": "NO_PROXY",
            "ftpProxy": "FTP_PROXY",
            "allProxy": "ALL_PROXY",
        }
        given = [(names[key], str(chosen[key])) for key in names if chosen.get(key)]
        return {spelled: value for name, value in given for spelled in (name, name.lower())}

    def json(self, call: "Call") -> "Any":
        """The JSON answer of a call."""
        return self.client.json(call)

    def write(self, text: str) -> None:
        """Write text to standard output as it is."""
        sys.stdout.write(text)

    def flush(self) -> None:
        """Hand over what was written so far."""
        sys.stdout.flush()

    def print(self, text: str) -> None:
        """Write a line to standard output."""
        sys.stdout.write(text + "\n")

    def warn(self, text: str) -> None:
        """Write a line to standard error, after what was printed so far."""
        sys.stdout.flush()
        sys.stderr.write(text + "\n")

    def for_each(
        self,
        refs: list[str],
        action: "Callable[[str], None]",
        *,
        missing_is_failure: bool = True,
    ) -> int:
        """Do action(ref) for each ref, print the refs that worked; 1 if any did not.

        As Docker does, failures are printed at the end and do not stop the others.
        """
        from boxship.cli.main import describe
        from boxship.errors import BoxshipError, NotFoundError

        failures: list[str] = []
        code = 0
        for ref in refs:
            try:
                action(ref)
            except BoxshipError as error:
                failures.append(describe(error))
                if missing_is_failure or not isinstance(error, NotFoundError):
                    code = 1
            else:
                self.print(ref)
        for failure in failures:
            self.warn(failure)
        return code
