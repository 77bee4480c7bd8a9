"""One member of a tar archive (tar(5), pax in POSIX.1-2017)."""

import msgspec

FILE = b"0"
FILE_V7 = b"\0"
HARD_LINK = b"1"
SYMLINK = b"2"
CHAR_DEVICE = b"3"
BLOCK_DEVICE = b"4"
DIRECTORY = b"5"
FIFO = b"6"
CONTIGUOUS = b"7"
GNU_LONG_NAME = b"L"
GNU_LONG_LINK = b"K"
GNU_SPARSE = b"S"
PAX_HEADER = b"x"
PAX_GLOBAL = b"g"


class Entry(msgspec.Struct):
    """A member's header with all extensions applied. Names are bytes, as the kernel has them."""

    name: bytes
    type: bytes
    """One of FILE, HARD_LINK, SYMLINK, CHAR_DEVICE, BLOCK_DEVICE, DIRECTORY, FIFO; others are
    unknown extensions, whose data may be skipped."""
    mode: int
    """Permission bits with setuid, setgid and sticky."""
    uid: int
    gid: int
    size: int
    """Bytes of data that follow in the archive."""
    mtime_ns: int
    link: bytes = b""
    """Target of a symbolic or hard link."""
    major: int = 0
    minor: int = 0
    xattrs: dict[str, bytes] | None = None
    sparse: list[tuple[int, int]] | None = None
    """Offset and length of each run of data in a sparse file; the data is theirs, back to back."""
    real_size: int = 0
    """Length of a sparse file once unpacked."""
