"""A Debian package source in a directory: small packages, their lists, and apt told of it."""

import gzip
import hashlib
import io
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from boxship.linux import mount

MTIME = 1_600_000_000
_SETTINGS = Path("/etc/apt/sources.list.d")


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """One .deb. files: path → content; a content of None is a directory, ``-> x`` a link to x."""

    name: str
    files: Mapping[str, str | bytes | None]
    version: str = "1"
    architecture: str = "amd64"
    fields: Mapping[str, str] = field(default_factory=dict)
    scripts: Mapping[str, str] = field(default_factory=dict)
    """Further files of the control archive: postinst, conffiles …"""

    @property
    def control(self) -> str:
        """The control file."""
        fields = {
            "Package": self.name,
            "Version": self.version,
            "Architecture": self.architecture,
            "Maintainer": "Tester <tester@example.com>",
            **self.fields,
            "Description": "for tests",
        }
        return "".join(f"{key}: {value}\n" for key, value in fields.items())

    def build(self) -> bytes:
        """The archive (deb(5))."""
        control = _tar({"control": self.control, **self.scripts})
        return b"!<arch>\n" + b"".join(
            _member(name, data)
            for name, data in (
                ("debian-binary", b"2.0\n"),
                ("control.tar.gz", control),
                ("data.tar.gz", _tar(self.files)),
            )
        )


def _member(name: str, data: bytes) -> bytes:
    header = f"{name:<16}{MTIME:<12}{0:<6}{0:<6}{'100644':<8}{len(data):<10}`\n"
    return header.encode() + data + b"\n" * (len(data) % 2)


def _tar(files: Mapping[str, str | bytes | None]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for path, content in files.items():
            member = tarfile.TarInfo(f"./{path}")
            member.mtime, member.mode = MTIME, 0o755
            data = b""
            if content is None:
                member.type = tarfile.DIRTYPE
            elif isinstance(content, str) and content.startswith("-> "):
                member.type, member.linkname = tarfile.SYMTYPE, content[3:]
            else:
                data = content.encode() if isinstance(content, str) else content
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return gzip.compress(stream.getvalue(), mtime=0)


def write_repository(root: Path, suite: str, *packages: Package) -> None:
    """Write packages and their lists below a directory, for ``file:`` URLs."""
    pool = root / "pool"
    pool.mkdir(parents=True, exist_ok=True)
    lists: dict[str, str] = {"amd64": "", "arm64": ""}
    for package in packages:
        data = package.build()
        name = f"pool/{package.name}_{package.version}_{package.architecture}.deb"
        (root / name).write_bytes(data)
        lists[package.architecture] += (
            f"{package.control}Filename: {name}\nSize: {len(data)}\n"
            f"SHA256: {hashlib.sha256(data).hexdigest()}\n\n"
        )
    sums = []
    for architecture, text in lists.items():
        path = f"main/binary-{architecture}/Packages"
        target = root / "dists" / suite / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        digest = hashlib.sha256(text.encode()).hexdigest()
        sums.append(f" {digest} {len(text.encode())} {path}")
    release = [
        f"Suite: {suite}",
        f"Codename: {suite}",
        f"Architectures: {' '.join(lists)}",
        "Components: main",
        "Date: Sun, 01 Nov 2020 00:00:00 UTC",
        "SHA256:",
        *sums,
    ]
    (root / "dists" / suite / "Release").write_text("\n".join(release) + "\n")


@contextmanager
def apt_knows(root: Path, suite: str) -> Iterator[None]:
    """Let apt of this mount namespace know the repository, and no other one."""
    mount.mount("tmpfs", _SETTINGS, "tmpfs")
    one_line = _SETTINGS.with_name("sources.list")
    hidden = one_line.exists()
    if hidden:
        mount.bind("/dev/null", one_line)
    try:
        (_SETTINGS / "tests.sources").write_text(
            f"Types: deb\nURIs: file:{root}\nSuites: {suite}\nComponents: main\nTrusted: yes\n"
        )
        yield
    finally:
        if hidden:
            mount.unmount(one_line)
        mount.unmount(_SETTINGS)
