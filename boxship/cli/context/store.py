"""Contexts on disk, laid out as the docker command does: both work with the same ones.

``contexts/meta/<sha256 of the name>/meta.json`` and ``contexts/tls/<the same>/docker/*.pem`` below
the directory of the configuration.
"""

import hashlib
import os
import re
import shutil

from boxship.cli.errors import CliError
from boxship.cli.options import DEFAULT_CONTEXT
from boxship.client import jsontext
from boxship.client.endpoint import Endpoint, TlsConfig, parse_endpoint
from boxship.errors import InvalidParameterError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any


TLS_FILES = {"ca": "ca.pem", "cert": "cert.pem", "key": "key.pem"}
_NAME = "^[a-zA-Z0-9][a-zA-Z0-9_.+-]+$"


class Context:
    """One context: where its engine is.

    tls: file name (``ca.pem`` …) -> path. metadata: the Metadata object, Description in it.
    """

    __slots__ = ("host", "metadata", "name", "skip_tls_verify", "tls")

    def __init__(
        self,
        name: str,
        host: str,
        metadata: "Mapping[str, Any]",
        *,
        skip_tls_verify: bool = False,
        tls: "Mapping[str, str] | None" = None,
    ) -> None:
        self.name = name
        self.host = host
        self.metadata = dict(metadata)
        self.skip_tls_verify = skip_tls_verify
        self.tls = dict(tls or {})

    @property
    def description(self) -> str:
        """What the user says of it."""
        return str(self.metadata.get("Description", ""))

    def endpoint(self) -> Endpoint:
        """Its engine's address. Raises InvalidParameterError."""
        tls = None
        if self.tls or self.skip_tls_verify:
            paths = [self.tls.get(name, "") for name in TLS_FILES.values()]
            tls = TlsConfig(*paths, verify=not self.skip_tls_verify)
        return parse_endpoint(self.host, tls)

    def document(self) -> "dict[str, Any]":
        """The content of meta.json."""
        docker = {"Host": self.host, "SkipTLSVerify": self.skip_tls_verify}
        return {"Name": self.name, "Metadata": self.metadata, "Endpoints": {"docker": docker}}


class ContextStore:
    """The contexts below a configuration directory; ``default`` is in none of its files."""

    def __init__(self, config_dir: str) -> None:
        self.root = os.path.join(config_dir, "contexts")

    def meta_dir(self, name: str) -> str:
        """Where a context's meta.json is."""
        return os.path.join(self.root, "meta", _key(name))

    def tls_dir(self, name: str) -> str:
        """Where its certificates are, in a directory ``docker``."""
        return os.path.join(self.root, "tls", _key(name))

    def exists(self, name: str) -> bool:
        """Tell whether there is such a context."""
        return os.path.exists(os.path.join(self.meta_dir(name), "meta.json"))

    def get(self, name: str) -> Context:
        """Read a context. Raises CliError, in Docker's words, without it."""
        path = os.path.join(self.meta_dir(name), "meta.json")
        try:
            with open(path, "rb") as file:
                return self._decode(file.read())
        except FileNotFoundError:
            raise CliError(
                f'context "{name}": context not found: open {path}: no such file or directory'
            ) from None
        except (OSError, ValueError) as error:
            raise CliError(f'context "{name}": cannot read {path}: {error}') from error

    def all(self) -> list[Context]:
        """Read all contexts, sorted by name."""
        try:
            keys = os.listdir(os.path.join(self.root, "meta"))
        except FileNotFoundError:
            return []
        found = []
        for key in keys:
            with open(os.path.join(self.root, "meta", key, "meta.json"), "rb") as file:
                found.append(self._decode(file.read()))
        return sorted(found, key=lambda context: context.name)

    def _decode(self, data: bytes) -> Context:
        document = jsontext.loads(data)
        name = str(document["Name"])
        docker = (document.get("Endpoints") or {}).get("docker") or {}
        return Context(
            name,
            str(docker.get("Host", "")),
            document.get("Metadata") or {},
            skip_tls_verify=bool(docker.get("SkipTLSVerify")),
            tls=self._tls_files(name),
        )

    def _tls_files(self, name: str) -> dict[str, str]:
        directory = os.path.join(self.tls_dir(name), "docker")
        try:
            names = sorted(os.listdir(directory))
        except FileNotFoundError:
            return {}
        return {file_name: os.path.join(directory, file_name) for file_name in names}

    def save(self, context: Context, tls: "Mapping[str, bytes]") -> None:
        """Write a context and its certificates, by file name, in place of what is there."""
        directory = os.path.join(self.tls_dir(context.name), "docker")
        shutil.rmtree(self.tls_dir(context.name), ignore_errors=True)
        for file_name, data in tls.items():
            _write(directory, file_name, data, 0o600)
        document = jsontext.dumps(context.document()).encode()
        _write(self.meta_dir(context.name), "meta.json", document, 0o644)

    def remove(self, name: str) -> None:
        """Remove a context with all it has."""
        shutil.rmtree(self.meta_dir(name))
        shutil.rmtree(self.tls_dir(name), ignore_errors=True)

    def check_new(self, name: str) -> None:
        """Raise CliError unless a context of this name can be made."""
        check_name(name)
        if self.exists(name):
            raise CliError(f'context "{name}" already exists')


def check_name(name: str) -> None:
    """Raise CliError, in Docker's words, for what cannot be a context's name."""
    if not name:
        raise CliError("context name cannot be empty")
    if name == DEFAULT_CONTEXT:
        raise CliError('"default" is a reserved context name')
    if not re.fullmatch(_NAME, name):
        raise CliError(
            f'context name "{name}" is invalid, names are validated against regexp "{_NAME}"'
        )


def read_tls(context: Context) -> dict[str, bytes]:
    """Read a context's certificates, by file name."""
    found = {}
    for file_name, path in context.tls.items():
        with open(path, "rb") as file:
            found[file_name] = file.read()
    return found


def check_endpoint(context: Context) -> None:
    """Raise CliError where nothing can be reached at the context's address."""
    try:
        context.endpoint()
    except InvalidParameterError as error:
        raise CliError(f"unable to create docker endpoint config: {error}") from error


def _key(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


def _write(directory: str, name: str, data: bytes, mode: int) -> None:
    os.makedirs(directory, mode=0o755 if mode == 0o644 else 0o700, exist_ok=True)
    temporary = os.path.join(directory, f".{name}.tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with open(descriptor, "wb") as file:
        file.write(data)
    os.replace(temporary, os.path.join(directory, name))
