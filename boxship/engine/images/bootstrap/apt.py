"""apt with a root, a state and a cache of its own: nothing of the host's is touched."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from boxship.engine.images.bootstrap.sources import Source
from boxship.engine.registry.cancellation import Cancellation
from boxship.engine.storage.errors import StorageFullError
from boxship.errors import InternalError, NotFoundError, NotSupportedError, UnavailableError

_DIRECTORIES = (
    "etc/apt/apt.conf.d",
    "etc/apt/preferences.d",
    "etc/apt/sources.list.d",
    "var/lib/apt/lists/partial",
    "var/lib/dpkg",
    "var/cache/apt/archives/partial",
)
_NO_SUITE = re.compile(
    r"The repository '.+? (?P<signed>\S+) Release' does not have a Release file"
    r"|Failed to fetch \S+/dists/(?P<trusted>[^/\s]+)/\S+ .*(404|No such file)"
)
_NO_PACKAGE = re.compile(
    r"Unable to locate package (\S+)|Version '(.+?)' for '(.+?)' was not found"
)
_NO_NETWORK = re.compile(
    r"Could not resolve|Temporary failure resolving|Could not connect|Connection (failed|timed out)"
    r"|Network is unreachable"
)
_NO_SPACE = re.compile(r"No space left on device|enough free space")
_OUTPUT_KEPT = 2000
"""Characters of a program's complaint that an error shows."""


class Apt:
    """Resolves and downloads packages for one architecture. Methods block."""

    def __init__(
        self, root: Path, architecture: str, sources: Sequence[Source], cancellation: Cancellation
    ) -> None:
        """root: an empty directory. Raises NotSupportedError on a host without apt."""
        if shutil.which("apt-get") is None:
            raise NotSupportedError(
                "packages are fetched with apt-get, which this host does not have: bootstrap on a "
                "Debian or Ubuntu host, or load an image that was made there"
            )
        self._root = root
        self._architecture = architecture
        self._cancellation = cancellation
        for name in _DIRECTORIES:
            (root / name).mkdir(parents=True, exist_ok=True)
        (root / "var/lib/dpkg/status").touch()
        stanzas = "\n".join(_copied(source).stanza() for source in sources)
        (root / "etc/apt/sources.list.d/image.sources").write_text(stanzas)
        (root / "apt.conf").write_text(self._configuration())

    def update(self) -> None:
        """Fetch and verify the lists of packages.

        Raises NotFoundError for a suite that is not there, UnavailableError without a network.
        """
        self._run("apt-get", "-q", "update")

    def knows(self, package: str) -> bool:
        """Tell whether the lists have a package of exactly this name."""
        return package in self._run("apt-cache", "pkgnames", package).split()

    def download(self, wanted: Iterable[str]) -> list[Path]:
        """Fetch packages, given as names or patterns (apt-patterns(7)), and all they depend on.

        Returns the archives, sorted by name. Raises NotFoundError, UnavailableError.
        """
        options = ("--download-only", "--yes", "--no-install-recommends")
        self._run("apt-get", "-q", "install", *options, *wanted)
        return sorted((self._root / "var/cache/apt/archives").glob("*.deb"))

    def _configuration(self) -> str:
        """Write apt's settings: how the host reaches its sources, and places of our own."""
        said = subprocess.run(
            ["apt-config", "dump", "--no-empty", "Acquire"], capture_output=True, text=True
        )
        kept = [
            line
            for line in said.stdout.splitlines()
            if line.startswith("Acquire::") and "::IndexTargets" not in line
        ]
        own = {
            "Dir": f"{self._root}/",
            "Dir::Etc::trusted": "/etc/apt/trusted.gpg",
            "Dir::Etc::trustedparts": "/etc/apt/trusted.gpg.d",
            "Dir::Etc::netrc": "/etc/apt/auth.conf",
            "Dir::Etc::netrcparts": "/etc/apt/auth.conf.d",
            "Dir::Log": "/dev/null",
            "APT::Architecture": self._architecture,
            "APT::Architectures": self._architecture,
            "APT::Sandbox::User": "root",
            "APT::Update::Error-Mode": "any",
            "APT::Get::AllowUnauthenticated": "false",
            "Acquire::Languages": "none",
            "Acquire::Retries": "2",
            "Debug::NoLocking": "true",
        }
        return "\n".join([*kept, *(f'{key} "{value}";' for key, value in own.items())]) + "\n"

    def _run(self, *command: str) -> str:
        environment = {
            **os.environ,
            "APT_CONFIG": str(self._root / "apt.conf"),
            "LC_ALL": "C",
            "DEBIAN_FRONTEND": "noninteractive",
        }
        status, output = run_bound(command, self._cancellation, environment)
        if status:
            raise _explained(output)
        return output


def _copied(source: Source) -> Source:
    """Let apt copy packages of a local source: with ``file:`` it leaves them where they are."""
    return replace(source, uris=tuple(uri.replace("file:", "copy:", 1) for uri in source.uris))


def run_bound(
    command: Sequence[str], cancellation: Cancellation, environment: dict[str, str] | None = None
) -> tuple[int, str]:
    """Run a program that ends with us, or when cancelled; return its status and what it wrote.

    Raises TransferCancelledError. [blocking]
    """
    cancellation.check()
    process = subprocess.Popen(
        ["setpriv", "--pdeathsig", "KILL", "--", *command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environment,
        start_new_session=True,
    )
    with process:
        try:
            with cancellation.interrupting(lambda: _kill(process)):
                output, _ = process.communicate()
        except BaseException:  # cancelled just before: nobody else ends it
            _kill(process)
            raise
    cancellation.check()
    return process.returncode, output.decode(errors="replace")


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End a program with all that it started."""
    try:
        os.killpg(process.pid, 9)
    except ProcessLookupError:
        pass


def _explained(output: str) -> Exception:
    complaints = "\n".join(
        line for line in output.splitlines() if line.startswith(("E: ", "W: ", "Err:"))
    )
    said = (complaints or output)[-_OUTPUT_KEPT:].strip()
    if _NO_SPACE.search(output):
        return StorageFullError(f"fetching packages: no space left on device: {said}")
    if found := _NO_SUITE.search(output):
        suite = found["signed"] or found["trusted"]
        return NotFoundError(f"the package source has no release {suite}: {said}")
    if found := _NO_PACKAGE.search(output):
        return NotFoundError(f"no package {found[1] or found[3]} in this release: {said}")
    if _NO_NETWORK.search(output):
        return UnavailableError(f"the package source cannot be reached: {said}")
    return InternalError(f"apt-get failed: {said}")
