"""``boxship registry serve`` on a free loopback port, in the place of docker-registry."""

import os
import select
import subprocess
import sys
from pathlib import Path

from tests.support.registry import PASSWORD, USERNAME, Registry

_START_SECONDS = 20.0
ROOT = Path(__file__).parents[2]


class OwnRegistry(Registry):
    """One process; what it keeps is in ``<directory>/root``, its log in ``registry.log``."""

    def __init__(self, directory: Path, *arguments: str) -> None:
        super().__init__(directory)
        self.root = directory / "root"
        self.arguments = list(arguments)

    def start(self) -> None:
        """Start the process and wait until it serves."""
        readable, writable = os.pipe()
        command = [sys.executable, "-m", "boxship.entrypoints.registry", "serve"]
        command += ["--root", str(self.root), "--addr", self.host, "--ready-fd", str(writable)]
        try:
            with (self.directory / "registry.log").open("ab") as log:
                self._process = subprocess.Popen(
                    [*command, *self._tls_arguments(), *self.arguments],
                    stdout=log,
                    stderr=log,
                    cwd=ROOT,
                    pass_fds=[writable],
                )
        finally:
            os.close(writable)
        ready, _, _ = select.select([readable], [], [], _START_SECONDS)
        said = os.read(readable, 1) if ready else b""
        os.close(readable)
        assert said, f"the registry did not come up: {self.log()}"

    def _tls_arguments(self) -> list[str]:
        if self.authority is None:
            return []
        certificate = self.authority.server(self._name)
        return [f"--tls-cert={certificate.cert_path}", f"--tls-key={certificate.key_path}"]

    def log(self) -> str:
        """What it has logged."""
        return (self.directory / "registry.log").read_text()

    @property
    def pid(self) -> int:
        """The process."""
        assert self._process is not None
        return self._process.pid

    def kill(self) -> None:
        """End the process as a crash would."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        self._process = None

    def blob_path(self, digest: str) -> Path:
        """The file that holds a blob."""
        algorithm, _, digits = digest.partition(":")
        return self.root / "blobs" / algorithm / digits[:2] / digits

    def collect(self, *arguments: str) -> str:
        """Run ``boxship registry gc`` beside the server; return what it says."""
        command = [sys.executable, "-m", "boxship.entrypoints.registry", "gc"]
        done = subprocess.run(
            [*command, "--root", str(self.root), *arguments],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        return done.stdout


def password_file(directory: Path) -> Path:
    """A file with USERNAME and PASSWORD, the cheapest bcrypt there is."""
    import bcrypt

    path = directory / "htpasswd"
    directory.mkdir(parents=True, exist_ok=True)
    entry = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
    path.write_text(f"# made for a test\n{USERNAME}:{entry}\n")
    return path
