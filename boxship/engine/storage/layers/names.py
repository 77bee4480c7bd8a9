"""Member names of layers: made relative and clean, and the marks of removals among them."""

from boxship.engine.storage.errors import CorruptLayerError, HostileLayerError

WHITEOUT_PREFIX = b".wh."
"""``.wh.name`` removes ``name`` of the layers below (OCI image spec, Whiteouts)."""
META_PREFIX = b".wh..wh."
"""Names that aufs kept for itself; only the opaque mark among them means anything."""
OPAQUE_MARK = b".wh..wh..opq"
"""In a directory: the layers below have nothing in it."""


def clean_name(name: bytes) -> bytes:
    """Return a member's name relative to the root, without ``.`` and ``..``; b"" is the root.

    Absolute names count from the root. Raises HostileLayerError for one that climbs out of it.
    """
    if name.startswith(b"./"):
        name = name[2:]
    if b"/." not in name and b"//" not in name and name[:1] not in (b"/", b"."):
        name = name.rstrip(b"/")
    else:
        name = _cleaned(name)
    if b"\0" in name:
        raise CorruptLayerError(f"invalid tar archive: the name {name!r} holds a NUL byte")
    return name


def _cleaned(name: bytes) -> bytes:
    parts: list[bytes] = []
    for part in name.split(b"/"):
        if part == b"..":
            if not parts:
                raise HostileLayerError(
                    f"the layer tries to write outside its root filesystem: {name!r}"
                )
            parts.pop()
        elif part not in (b"", b"."):
            parts.append(part)
    return b"/".join(parts)
