"""The OCI runtimes that containers may name with ``--runtime``."""

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from boxship.engine.config import RuntimeConfig
from boxship.errors import BoxshipError, InvalidParameterError, NotSupportedError

CRUN = "crun"
RUNC = "runc"
ALIASES = {"io.containerd.runc.v2": RUNC, "io.containerd.runtime.v1.linux": RUNC}
"""Names of containerd's shims, which Docker's clients may send: the program that such a shim runs.

Where runc is not installed they mean crun: the two take the same configuration.
"""


@dataclass(frozen=True, slots=True)
class Runtime:
    """One OCI command-line program."""

    name: str
    path: str
    args: tuple[str, ...]
    root: Path
    """Directory of its own state of containers."""

    @property
    def program(self) -> str:
        """The program's own name, which tells how its state directory is laid out."""
        return os.path.basename(os.path.realpath(self.path))

    @property
    def command(self) -> tuple[str, ...]:
        """The program with its global arguments."""
        return (self.path, *self.global_args)

    @property
    def global_args(self) -> tuple[str, ...]:
        """Arguments that go before the runtime's verb."""
        return ("--root", str(self.root), *self.args)


class Runtimes:
    """The table of runtimes by name."""

    def __init__(
        self, configured: Mapping[str, RuntimeConfig], default: str, state_root: Path
    ) -> None:
        self._configured = configured
        self._state_root = state_root
        self.default = default
        self._found: dict[str, Runtime] = {}

    def reconfigure(self, configured: Mapping[str, RuntimeConfig], default: str) -> None:
        """Take over another table; tasks keep the program that they were started with."""
        self._configured = configured
        self.default = default
        self._found.clear()

    def names(self) -> tuple[str, ...]:
        """Return every name that resolves, sorted."""
        built_in = {name for name in (CRUN, RUNC) if shutil.which(name)}
        aliases = {name for name in ALIASES if built_in and name.endswith(".v2")}
        return tuple(sorted(built_in | aliases | set(self._configured)))

    def resolve(self, name: str = "") -> Runtime:
        """Return the runtime of that name (empty: the default).

        Raises InvalidParameterError for an unknown name, NotSupportedError where the program is
        not installed.
        """
        wanted = name or self.default
        if wanted not in self._found:
            self._found[wanted] = self._find(wanted)
        return self._found[wanted]

    def resolve_for_running(self, name: str) -> Runtime:
        """Return the runtime of a container that runs, even where its program is gone by now."""
        try:
            return self.resolve(name)
        except BoxshipError:
            configured = self._configured.get(name)
            path = configured.path if configured else ALIASES.get(name, name)
            args = configured.args if configured else ()
            return Runtime(name, path, args, self._state_root / os.path.basename(path))

    def _find(self, name: str) -> Runtime:
        configured = self._configured.get(name)
        if configured is not None:
            return self._runtime(name, configured.path, configured.args)
        program = ALIASES.get(name, name)
        if program not in (CRUN, RUNC):
            raise InvalidParameterError(f"unknown or invalid runtime name: {name}")
        if name in ALIASES and shutil.which(program) is None:
            program = CRUN
        return self._runtime(name, program, ())

    def _runtime(self, name: str, program: str, args: tuple[str, ...]) -> Runtime:
        path = shutil.which(program)
        if path is None:
            raise NotSupportedError(
                f"the OCI runtime {name!r} cannot be used: {program!r} is not installed"
                f" (looked in {os.environ.get('PATH', '')})"
            )
        root = self._state_root / os.path.basename(os.path.realpath(path))
        return Runtime(name, path, args, root)
