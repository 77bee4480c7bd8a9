"""The tar reader against archives of Python's tarfile and of GNU tar."""

import os
import subprocess
import tarfile
from pathlib import Path

import pytest

from boxship.engine.storage.errors import CorruptLayerError
from boxship.engine.storage.layers import entry as types
from boxship.engine.storage.layers.entry import Entry
from boxship.engine.storage.layers.header import parse_number
from boxship.engine.storage.layers.reader import TarReader
from boxship.engine.storage.layers.writer import END, encode_header
from tests.support.archives import MTIME, archive, chunked, member

FORMATS = {"ustar": tarfile.USTAR_FORMAT, "gnu": tarfile.GNU_FORMAT, "pax": tarfile.PAX_FORMAT}


def read_all(data: bytes, chunk: int = 1 << 20) -> list[tuple[Entry, bytes]]:
    reader = TarReader(chunked(data, chunk))
    return [(entry, b"".join(reader.data())) for entry in reader]


@pytest.mark.parametrize("chunk", [1, 511, 512, 513, 1 << 20])
@pytest.mark.parametrize("form", FORMATS)
def test_reads_every_kind_in_every_format(form: str, chunk: int) -> None:
    data = archive(
        [
            member("d", "dir", uid=7, gid=8),
            member("d/file", data=b"x" * 1000, mode=0o4755),
            member("d/empty"),
            member("link", "symlink", linkname="d/file"),
            member("hard", "hardlink", linkname="d/file"),
            member("null", "char", devmajor=1, devminor=3),
            member("disk", "block", devmajor=8, devminor=17),
            member("pipe", "fifo"),
        ],
        FORMATS[form],
    )
    found = read_all(data, chunk)
    assert [(entry.name.rstrip(b"/"), entry.type) for entry, _ in found] == [
        (b"d", types.DIRECTORY),
        (b"d/file", types.FILE),
        (b"d/empty", types.FILE),
        (b"link", types.SYMLINK),
        (b"hard", types.HARD_LINK),
        (b"null", types.CHAR_DEVICE),
        (b"disk", types.BLOCK_DEVICE),
        (b"pipe", types.FIFO),
    ]
    assert found[1][1] == b"x" * 1000
    assert found[1][0].mode == 0o4755
    assert found[1][0].mtime_ns == MTIME * 10**9
    assert (found[0][0].uid, found[0][0].gid) == (7, 8)
    assert found[3][0].link == b"d/file"
    assert (found[6][0].major, found[6][0].minor) == (8, 17)


@pytest.mark.parametrize("form", ["gnu", "pax"])
def test_reads_long_names_links_and_big_numbers(form: str) -> None:
    name, link = "n" * 90 + "/" + "m" * 200, "l" * 300
    data = archive(
        [
            member(name, data=b"1", uid=3_000_000_000),
            member("s", "symlink", linkname=link),
        ],
        FORMATS[form],
    )
    (first, content), (second, _) = read_all(data)
    assert (first.name, first.uid, content) == (name.encode(), 3_000_000_000, b"1")
    assert second.link == link.encode()


def test_reads_ustar_prefixes_and_names_that_are_not_utf8() -> None:
    data = archive([member("p" * 120 + "/" + "n" * 90)], tarfile.USTAR_FORMAT)
    assert read_all(data)[0][0].name == b"p" * 120 + b"/" + b"n" * 90
    odd = Entry(name=b"\xff\xfe/\x80", type=types.FILE, mode=0, uid=0, gid=0, size=0, mtime_ns=0)
    assert read_all(encode_header(odd) + END)[0][0].name == b"\xff\xfe/\x80"


def test_reads_pax_times_and_attributes() -> None:
    headers = {
        "mtime": "1700000000.123456789",
        "SCHILY.xattr.user.note": "hé",
        "LIBARCHIVE.xattr.user.bin": "AAE=",
    }
    entry = read_all(archive([member("f", pax_headers=headers)]))[0][0]
    assert entry.mtime_ns == 1_700_000_000_123_456_789
    assert entry.xattrs == {"user.note": "hé".encode(), "user.bin": b"\0\1"}


def test_global_records_apply_until_overridden() -> None:
    first, second = member("a"), member("b", pax_headers={"gid": "5"})
    info = tarfile.TarInfo()
    data = info.create_pax_global_header({"gid": "99"}) + archive([first, second])
    assert [entry.gid for entry, _ in read_all(data)] == [99, 5]


@pytest.mark.parametrize(
    "options",
    [
        ["--format=gnu"],
        ["--format=pax", "--sparse-version=0.0"],
        ["--format=pax", "--sparse-version=0.1"],
        ["--format=pax", "--sparse-version=1.0"],
    ],
    ids=["old GNU", "0.0", "0.1", "1.0"],
)
@pytest.mark.parametrize("runs", [1, 3, 60])
def test_reads_sparse_files_of_gnu_tar(tmp_path: Path, options: list[str], runs: int) -> None:
    step = 1 << 17
    with (tmp_path / "sparse").open("wb") as file:
        for number in range(runs):
            file.seek(number * step + 65536)
            file.write(bytes([number + 1]) * 4096)
        file.truncate(runs * step + 999)
    (tmp_path / "after").write_text("next")
    command = ["tar", "-cS", *options, "-C", str(tmp_path), "sparse", "after"]
    data = subprocess.run(command, capture_output=True, check=True).stdout
    (entry, content), (after, text) = read_all(data)
    assert (entry.name, entry.type, entry.real_size) == (
        b"sparse",
        types.FILE,
        runs * step + 999,
    )
    rebuilt = bytearray(entry.real_size)
    position = 0
    for offset, length in entry.sparse or ():
        rebuilt[offset : offset + length] = content[position : position + length]
        position += length
    assert bytes(rebuilt) == (tmp_path / "sparse").read_bytes()
    assert (after.name, text) == (b"after", b"next")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (b"0000644\0", 0o644),
        (b"   644 \0", 0o644),
        (b"644\0\0\0\0\0", 0o644),
        (b"\0" * 8, 0),
        (b"        ", 0),
        (b"\x80\0\0\0\x01\0\0\0", 1 << 24),
        (b"\xff" * 12, -1),
        (b"00000644", 0o644),
    ],
)
def test_numbers(field: bytes, value: int) -> None:
    assert parse_number(field) == value


def test_a_missing_end_mark_is_no_error_but_a_cut_is() -> None:
    data = archive([member("f", data=b"x" * 600)])
    whole = 512 + 1024
    assert len(read_all(data[:whole])) == 1
    for length in (100, 511, 512, 600, 1024, whole - 1):
        with pytest.raises(CorruptLayerError, match="cut off"):
            read_all(data[:length])


def _pax(body: bytes) -> bytes:
    extended = Entry(name=b"x", type=b"x", mode=0, uid=0, gid=0, size=len(body), mtime_ns=0)
    return encode_header(extended) + body.ljust(512, b"\0") + archive([member("f")])


def _header(**fields: object) -> bytes:
    entry = Entry(name=b"f", type=types.FILE, mode=0, uid=0, gid=0, size=0, mtime_ns=0)
    for field, value in fields.items():
        setattr(entry, field, value)
    return encode_header(entry)


def _damaged(position: int, value: bytes) -> bytes:
    block = bytearray(_header())
    block[position : position + len(value)] = value
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"no tar archive at all".ljust(1024), "number field|checksum"),
        (os.urandom(512) + b"\1" * 512, "number field|checksum"),
        (_header()[:-1] + b"!" + END, "checksum"),
        (_damaged(124, b"\xff" * 12), "negative size"),
        (_damaged(124, b"12x45"), "number field"),
        (_pax(b"nonsense\n"), "no length"),
        (_pax(b"999 path=x\n"), "length is wrong"),
        (_pax(b"3 x\n"), "length is wrong"),
        (_pax(b"12 size=-1x\n"), "size is"),
        (_pax(b"15 mtime=never\n"), "time"),
        (_pax(b"34 LIBARCHIVE.xattr.user.x=\xff\xff\xff\xff\xffA\n"), "attribute"),
        (_pax(b"22 GNU.sparse.major=1\n"), "sparse file map"),
        (_pax(b"25 GNU.sparse.map=0,10,5\n"), "sparse file map"),
        (_pax(b"16 SCHILY.xattr.=\n".replace(b"16", b"18")), "attribute name b''"),
        (_pax(b"83 mtime=" + b"1" * 73 + b"\n"), "a time is too long"),
        (_header(type=b"x", size=1 << 30), "extended header of"),
        (_header(type=b"L", size=10) + b"longname\0\0".ljust(512, b"\0"), "extended header"),
    ],
)
def test_malformed_archives_say_why(data: bytes, message: str) -> None:
    with pytest.raises(CorruptLayerError, match=message):
        read_all(data)


def test_an_endless_sparse_map_is_refused() -> None:
    block = bytearray(_damaged(156, b"S"))
    block[257:265] = b"ustar  \0"
    block[482] = 1
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    run = b"00000000000\0" * 42
    more = run.ljust(504, b"\0") + b"\1" + b"\0" * 7
    with pytest.raises(CorruptLayerError, match=r"sparse map"):
        TarReader(iter([bytes(block)] + [more * 1000] * 60)).__iter__().__next__()
