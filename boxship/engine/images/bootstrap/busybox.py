"""A root filesystem of one static busybox: its applets, and the files a shell expects."""

import io
import re
import subprocess
import tarfile
from collections.abc import Mapping
from pathlib import Path

from boxship.errors import InternalError, UnavailableError
from boxship.oci.image import ExecutionConfig

CREATED = "2023-06-10T00:00:00Z"
PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_BUSYBOX_PLACES = ("/bin/busybox", "/usr/bin/busybox")
_DIRECTORIES = {
    "bin": 0o755,
    "dev": 0o755,
    "etc": 0o755,
    "home": 0o755,
    "proc": 0o755,
    "root": 0o700,
    "sbin": 0o755,
    "sys": 0o755,
    "tmp": 0o1777,
    "usr": 0o755,
    "usr/bin": 0o755,
    "usr/sbin": 0o755,
    "var": 0o755,
    "var/tmp": 0o1777,
}
ACCOUNTS = {
    "etc/passwd": (
        "root:x:0:0:root:/root:/bin/sh\n"
        "daemon:x:1:1:daemon:/usr/sbin:/bin/false\n"
        "nobody:x:65534:65534:nobody:/home:/bin/false\n"
    ),
    "etc/group": "root:x:0:\ndaemon:x:1:\nusers:x:100:\nnogroup:x:65534:\n",
    "etc/shadow": "root:*:::::::\ndaemon:*:::::::\nnobody:*:::::::\n",
}
_APPLET_NAMES = re.compile(rb"\0(\[\0\[\[\0(?:[a-z0-9][a-z0-9_.+-]*\0)+)")
"""How a busybox holds the names of its applets: sorted, each ended by a zero."""


def find_busybox() -> Path:
    """Return the installed busybox. Raises UnavailableError."""
    for place in _BUSYBOX_PLACES:
        if Path(place).exists():
            return Path(place)
    raise UnavailableError("no busybox found: install the package busybox-static")


def busybox_config() -> ExecutionConfig:
    """Return what a container of the image runs."""
    return ExecutionConfig(env=[PATH], cmd=["sh"])


def busybox_layer(binary: Path, foreign: bytes = b"") -> bytes:
    """Return the root filesystem as a tar, always the same. [blocking]

    binary: one that runs here, and that knows where its applets belong. foreign: the one to be
    packed instead, for another architecture.
    """
    places = _places(binary)
    content = foreign or binary.read_bytes()
    applets = _foreign_applets(content, places) if foreign else places
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for name, mode in _DIRECTORIES.items():
            add_member(archive, name, mode, tarfile.DIRTYPE)
        add_member(archive, "bin/busybox", 0o755, tarfile.REGTYPE, content)
        for name, text in ACCOUNTS.items():
            mode = 0o640 if name == "etc/shadow" else 0o644
            add_member(archive, name, mode, tarfile.REGTYPE, text.encode())
        for applet in sorted(applets):
            add_member(archive, applet, 0o777, tarfile.SYMTYPE, link="/bin/busybox")
    return stream.getvalue()


def _places(binary: Path) -> set[str]:
    """Ask a busybox where its applets belong: ``usr/bin/wget``."""
    said = subprocess.run([binary, "--list-full"], check=True, capture_output=True, text=True)
    return set(said.stdout.split()) - {"bin/busybox", "linuxrc"}


def _foreign_applets(content: bytes, places: set[str]) -> set[str]:
    """Read the applets of a busybox that cannot run here; unknown ones belong into bin."""
    known: Mapping[str, str] = {place.rpartition("/")[2]: place for place in places}
    found = _APPLET_NAMES.search(content)
    if found is None:
        raise InternalError("the package busybox-static holds no busybox with a list of applets")
    names = set(found[1].decode().rstrip("\0").split("\0")) - {"busybox", "linuxrc"}
    return {known.get(name, f"bin/{name}") for name in names}


def add_member(
    archive: tarfile.TarFile, name: str, mode: int, kind: bytes, data: bytes = b"", link: str = ""
) -> None:
    """Add a member without an owner or a time of its own."""
    member = tarfile.TarInfo(name)
    member.mode, member.type, member.linkname, member.size = mode, kind, link, len(data)
    archive.addfile(member, io.BytesIO(data))
