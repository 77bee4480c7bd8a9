"""Compiled seccomp filters, kept so that crun need not compile the same profile for each container.

Compiling Docker's profile takes libseccomp 20 ms, twice as long as all else that crun does. crun
leaves the compiled program in its state directory, and takes one by annotation (crun(1),
``run.oci.seccomp_bpf_data``).
"""

import base64
import hashlib
from pathlib import Path
from typing import Any

import msgspec

from boxship.engine.runtime.runtimes import CRUN, Runtime

ANNOTATION = "run.oci.seccomp_bpf_data"
COMPILED_FILE = "seccomp.bpf"
_BEYOND_PROGRAM = frozenset({"flags", "listenerPath", "listenerMetadata"})
"""What a profile may say that a program cannot hold."""


class FilterCache:
    """Programs by profile, in memory and in a directory that a reboot clears."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._programs: dict[str, str] = {}

    def apply(self, document: dict[str, Any], runtime: Runtime) -> str:
        """Put the program in the profile's place in a config.json, where it is known.

        Returns the key to ``learn`` the program under, empty when there is nothing to learn.
        """
        profile = document["linux"].get("seccomp")
        if profile is None or runtime.program != CRUN or _BEYOND_PROGRAM.intersection(profile):
            return ""
        key = hashlib.sha256(msgspec.json.encode(profile)).hexdigest()
        program = self._programs.get(key) or self._load(key)
        if not program:
            return key
        del document["linux"]["seccomp"]
        document["annotations"][ANNOTATION] = program
        return ""

    def learn(self, key: str, compiled: Path) -> None:
        """Keep the program that crun has left after creating a container."""
        try:
            program = compiled.read_bytes()
        except OSError:
            return
        if not program or len(program) % 8:  # struct sock_filter has 8 bytes
            return
        self._programs[key] = base64.b64encode(program).decode()
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        temporary = self._directory / f"{key}.new"
        temporary.write_bytes(program)
        temporary.rename(self._directory / key)

    def _load(self, key: str) -> str:
        try:
            program = (self._directory / key).read_bytes()
        except OSError:
            return ""
        self._programs[key] = base64.b64encode(program).decode()
        return self._programs[key]
