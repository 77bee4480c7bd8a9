"""Where networks and sandboxes are kept."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from boxship.engine.networks.network import Network
from boxship.engine.networks.sandbox import Sandbox, SandboxSpec
from boxship.engine.state.database import Database, Migration, Transaction

MIGRATIONS = (
    Migration(
        "networks-1",
        """
        CREATE TABLE networks (
            id TEXT PRIMARY KEY,
            name TEXT NOT NULL UNIQUE,
            document BLOB NOT NULL
        );
        CREATE TABLE sandboxes (
            container_id TEXT PRIMARY KEY,
            document BLOB NOT NULL
        );
        """,
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSandbox:
    """What was asked for, and what was decided. Stored before the kernel is touched: a row whose
    container does not live is a join or a leave that a crash cut short."""

    spec: SandboxSpec
    sandbox: Sandbox


def _encode_path(value: Any) -> str:
    if isinstance(value, Path):
        return str(value)
    raise NotImplementedError(type(value).__name__)


def _decode_path(kind: type, value: Any) -> Path:
    if kind is Path:
        return Path(value)
    raise NotImplementedError(kind.__name__)


_encoder = msgspec.json.Encoder(enc_hook=_encode_path)
_network_decoder = msgspec.json.Decoder(Network)
_sandbox_decoder = msgspec.json.Decoder(StoredSandbox, dec_hook=_decode_path)


class NetworkStore:
    """Rows of the networks package."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def networks(self) -> Iterator[Network]:
        """Yield all networks."""
        for row in self._database.query("SELECT document FROM networks"):
            yield _network_decoder.decode(row["document"])

    def sandboxes(self) -> Iterator[StoredSandbox]:
        """Yield all sandboxes."""
        for row in self._database.query("SELECT document FROM sandboxes"):
            yield _sandbox_decoder.decode(row["document"])

    def put_network(self, tx: Transaction, network: Network) -> None:
        """Insert or replace a network."""
        tx.execute(
            "INSERT OR REPLACE INTO networks (id, name, document) VALUES (?, ?, ?)",
            (network.id, network.name, _encoder.encode(network)),
        )

    def delete_network(self, tx: Transaction, network_id: str) -> None:
        """Delete a network."""
        tx.execute("DELETE FROM networks WHERE id = ?", (network_id,))

    def put_sandbox(self, tx: Transaction, stored: StoredSandbox) -> None:
        """Insert or replace a sandbox."""
        tx.execute(
            "INSERT OR REPLACE INTO sandboxes (container_id, document) VALUES (?, ?)",
            (stored.spec.container_id, _encoder.encode(stored)),
        )

    def delete_sandbox(self, tx: Transaction, container_id: str) -> None:
        """Delete a sandbox."""
        tx.execute("DELETE FROM sandboxes WHERE container_id = ?", (container_id,))
