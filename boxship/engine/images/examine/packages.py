"""Reading what package managers wrote down: names and versions out of their own files.

Debian: dpkg's status (deb-control(5)), and the files of distroless images in status.d; Alpine: the
installed database (apk-v2(5)); Python: METADATA of a dist-info directory (PEP 566); npm:
package.json of a module.
"""

import re
from collections.abc import Callable, Iterator
from email.parser import BytesHeaderParser

import msgspec

Packages = dict[str, str]
"""Name → version."""

_DPKG = re.compile(rb"var/lib/dpkg/(status|status\.d/[^/]+)")
_APK = re.compile(rb"(usr/)?lib/apk/db/installed")
_PYTHON = re.compile(rb"(.*/)?[^/]+\.(dist-info/METADATA|egg-info/PKG-INFO|egg-info)")
_NPM = re.compile(rb"(.*/)?node_modules/(@[^/]+/)?[^/]+/package\.json")
_LIMIT = 64 << 20
"""Bytes of a database that are read; larger ones are no package manager's."""


def parser_of(path: bytes) -> tuple[str, Callable[[bytes], Packages]] | None:
    """Return kind of packages and parser for a file that names packages; None for others."""
    for pattern, kind, parse in _PARSERS:
        if pattern.fullmatch(path):
            return kind, parse
    return None


def too_large(size: int) -> bool:
    """Tell whether a file is too large to be such a database."""
    return size > _LIMIT


def parse_dpkg(data: bytes) -> Packages:
    """Read dpkg's status: what is installed or unpacked."""
    found = {}
    for fields in _stanzas(data, b": "):
        status = fields.get(b"Status", b"install ok installed")
        if b"Package" in fields and status.endswith((b" installed", b" unpacked")):
            found[_text(fields[b"Package"])] = _text(fields.get(b"Version", b""))
    return found


def parse_apk(data: bytes) -> Packages:
    """Read apk's database: P: is the name, V: the version."""
    return {
        _text(fields[b"P"]): _text(fields.get(b"V", b""))
        for fields in _stanzas(data, b":")
        if b"P" in fields
    }


def parse_python(data: bytes) -> Packages:
    """Read one distribution's metadata."""
    headers = BytesHeaderParser().parsebytes(data)
    name = str(headers.get("Name", ""))
    return {name: str(headers.get("Version", ""))} if name else {}


def parse_npm(data: bytes) -> Packages:
    """Read one module's package.json."""
    try:
        document = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}
    if not isinstance(document, dict) or not isinstance(document.get("name"), str):
        return {}
    return {document["name"]: str(document.get("version", ""))}


def _stanzas(data: bytes, separator: bytes) -> Iterator[dict[bytes, bytes]]:
    for stanza in data.split(b"\n\n"):
        fields: dict[bytes, bytes] = {}
        for line in stanza.split(b"\n"):
            key, found, value = line.partition(separator)
            if found and not line[:1].isspace():
                fields.setdefault(key, value)
        if fields:
            yield fields


def _text(value: bytes) -> str:
    return value.strip().decode(errors="replace")


_PARSERS = (
    (_DPKG, "deb", parse_dpkg),
    (_APK, "apk", parse_apk),
    (_PYTHON, "python", parse_python),
    (_NPM, "npm", parse_npm),
)
