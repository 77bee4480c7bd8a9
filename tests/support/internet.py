"""Registries of the world outside, under their own names, in the run's namespaces.

For clients that ask a registry themselves, and so know no mirror of an engine: names such as
``registry-1.docker.io`` lead to loopback addresses, where registries with certificates for those
names listen on port 443.
"""

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.support.certs import Authority
from tests.support.registry import Registry

DOCKER_HUB = "registry-1.docker.io"
_HOSTS = Path("/etc/hosts")
_HTTPS = 443


@contextmanager
def names(directory: Path, addresses: Mapping[str, str]) -> Iterator[None]:
    """Let names lead to addresses, for all processes of the run's mount namespace."""
    copy = directory / "hosts"
    lines = [f"{address} {name}\n" for name, address in addresses.items()]
    copy.write_text("".join([_HOSTS.read_text(), *lines]))
    subprocess.run(["mount", "--bind", str(copy), str(_HOSTS)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", str(_HOSTS)], check=True)


class PublicRegistry(Registry):
    """A registry that the world knows by a name; filled before it opens."""

    def __init__(self, directory: Path, name: str, address: str) -> None:
        super().__init__(directory, address=address)
        self.name = name

    def open(self, authority: Authority) -> None:
        """Serve what was pushed, from now on with HTTPS at the usual port."""
        self.stop()
        self.port = _HTTPS
        self.use_tls(authority, self.name)
        self.start()
