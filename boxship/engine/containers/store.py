"""Where containers are kept: one row each, and the same in memory for quick reading."""

from dataclasses import replace

import msgspec

from boxship.engine.containers.container import Container, ContainerState
from boxship.engine.state.database import Database, Migration, Transaction
from boxship.errors import ConflictError, NotFoundError
from boxship.ids import is_full_id, is_id_prefix

MIGRATIONS = (
    Migration(
        "containers-1",
        """
        CREATE TABLE containers (
            id TEXT PRIMARY KEY,
            name TEXT NOT NULL UNIQUE,
            created_at_ns INTEGER NOT NULL,
            document BLOB NOT NULL,
            state BLOB NOT NULL
        );
        """,
    ),
)

_encoder = msgspec.json.Encoder()
_documents = msgspec.json.Decoder(Container)
_states = msgspec.json.Decoder(ContainerState)


class ContainerStore:
    """All containers of the engine; every write goes to the state file and to memory together."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._by_id: dict[str, Container] = {}
        self._by_name: dict[str, str] = {}
        for row in database.query("SELECT * FROM containers ORDER BY created_at_ns"):
            document = _documents.decode(row["document"])
            self._keep(replace(document, name=row["name"], state=_states.decode(row["state"])))

    def all(self) -> list[Container]:
        """Return every container, oldest first."""
        return list(self._by_id.values())

    def by_id(self, container_id: str) -> Container | None:
        """Return the container with this whole id."""
        return self._by_id.get(container_id)

    def get(self, reference: str) -> Container:
        """Find by whole id, name (with or without slash) or unambiguous id prefix.

        Raises NotFoundError; InvalidParameterError is never raised for an odd name, as in Docker.
        """
        found = self._by_id.get(reference) if is_full_id(reference) else None
        if found is None:
            found = self._by_id.get(self._by_name.get(reference.removeprefix("/"), ""))
        return found if found is not None else self._by_prefix(reference)

    def _by_prefix(self, reference: str) -> Container:
        matches = (
            [c for c in self._by_id.values() if c.id.startswith(reference)]
            if is_id_prefix(reference)
            else []
        )
        if len(matches) > 1:
            raise NotFoundError(f"multiple IDs found with provided prefix: {reference}")
        if not matches:
            raise NotFoundError(f"No such container: {reference}")
        return matches[0]

    def has_name(self, name: str) -> bool:
        """Tell whether a container has this name."""
        return name in self._by_name

    def check_name_free(self, name: str) -> None:
        """Raise ConflictError, in Docker's words, when the name is taken."""
        owner = self._by_name.get(name)
        if owner is not None:
            raise ConflictError(
                f'Conflict. The container name "/{name}" is already in use by container "{owner}". '
                "You have to remove (or rename) that container to be able to reuse that name."
            )

    def insert(self, tx: Transaction, container: Container) -> None:
        """Add a new container."""
        self.check_name_free(container.name)
        tx.execute(
            "INSERT INTO containers (id, name, created_at_ns, document, state) "
            "VALUES (?, ?, ?, ?, ?)",
            (
                container.id,
                container.name,
                container.created_at_ns,
                _encode_document(container),
                _encoder.encode(container.state),
            ),
        )
        tx.on_commit(lambda: self._keep(container))

    def update_state(self, tx: Transaction, container: Container, state: ContainerState) -> None:
        """Write a container's new state."""
        tx.execute(
            "UPDATE containers SET state = ? WHERE id = ?", (_encoder.encode(state), container.id)
        )
        tx.on_commit(lambda: self._keep_state(container.id, state))

    def update(self, tx: Transaction, container: Container) -> None:
        """Write a container whose configuration or name changed."""
        tx.execute(
            "UPDATE containers SET name = ?, document = ? WHERE id = ?",
            (container.name, _encode_document(container), container.id),
        )
        tx.on_commit(lambda: self._keep(container))

    def delete(self, tx: Transaction, container_id: str) -> None:
        """Forget a container."""
        tx.execute("DELETE FROM containers WHERE id = ?", (container_id,))
        tx.on_commit(lambda: self._forget(container_id))

    def _keep_state(self, container_id: str, state: ContainerState) -> None:
        current = self._by_id.get(container_id)
        if current is not None:
            self._by_id[container_id] = replace(current, state=state)

    def _keep(self, container: Container) -> None:
        before = self._by_id.get(container.id)
        if before is not None and before.name != container.name:
            self._by_name.pop(before.name, None)
        self._by_id[container.id] = container
        self._by_name[container.name] = container.id

    def _forget(self, container_id: str) -> None:
        container = self._by_id.pop(container_id, None)
        if container is not None:
            self._by_name.pop(container.name, None)


def _encode_document(container: Container) -> bytes:
    """Encode the immutable part: the state has a column of its own."""
    return _encoder.encode(replace(container, state=ContainerState()))
