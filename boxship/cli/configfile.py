"""The user's ``config.json``: credentials, formats, detach keys, proxies, headers."""

import os

from boxship.cli.errors import CliError
from boxship.client import jsontext

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class ConfigFile:
    """The document and where it lives; unknown keys are kept when it is written."""

    def __init__(self, path: str, document: "dict[str, Any]") -> None:
        self.path = path
        self.document = document

    @classmethod
    def load(cls, directory: str) -> "ConfigFile":
        """Read directory/config.json; a missing file is an empty one. Raises CliError."""
        path = os.path.join(directory, "config.json")
        try:
            with open(path, "rb") as file:
                document = jsontext.loads(file.read() or b"{}")
        except (FileNotFoundError, NotADirectoryError, PermissionError):
            return cls(path, {})
        except (OSError, ValueError) as error:
            raise CliError(f"cannot read the configuration file {path}: {error}") from error
        if not isinstance(document, dict):
            raise CliError(f"cannot read the configuration file {path}: it is no JSON object")
        return cls(path, document)

    def text(self, key: str) -> str:
        """A string of the document, empty when absent."""
        value = self.document.get(key)
        return value if isinstance(value, str) else ""

    def table(self, key: str) -> "dict[str, Any]":
        """An object of the document, empty when absent."""
        value = self.document.get(key)
        return value if isinstance(value, dict) else {}

    @property
    def http_headers(self) -> dict[str, str]:
        """Header fields that the user wants on every request."""
        headers = self.table("HttpHeaders")
        return {str(name): str(value) for name, value in headers.items()}

    def save(self) -> None:
        """Write the document, readable by its owner only, all or nothing."""
        os.makedirs(os.path.dirname(self.path), mode=0o700, exist_ok=True)
        temporary = f"{self.path}.{os.getpid()}.tmp"
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(jsontext.dumps_indented(self.document) + "\n")
        os.replace(temporary, self.path)
