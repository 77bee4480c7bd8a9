"""The tar reader on damaged and invented archives: it ends with an error of its own, at worst."""

import contextlib
import tarfile

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from boxship.engine.storage.errors import CorruptLayerError
from boxship.engine.storage.layers.decompress import decompress
from boxship.engine.storage.layers.entry import DIRECTORY, FILE, HARD_LINK, SYMLINK, Entry
from boxship.engine.storage.layers.pax import parse_records
from boxship.engine.storage.layers.reader import TarReader
from boxship.engine.storage.layers.writer import END, encode_header, padding
from tests.support.archives import archive, chunked, member

SAMPLES = [
    archive(
        [
            member("d", "dir"),
            member("d/f", data=b"x" * 700, pax_headers={"SCHILY.xattr.user.a": "b"}),
            member("n" * 150, "symlink", linkname="t" * 150),
            member("h", "hardlink", linkname="d/f"),
        ],
        form,
    )
    for form in (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT)
]
BUDGET = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])

names = st.binary(min_size=1, max_size=300).filter(lambda name: b"\0" not in name)
entries = st.builds(
    Entry,
    name=names,
    type=st.sampled_from([FILE, DIRECTORY, SYMLINK, HARD_LINK]),
    mode=st.integers(0, 0o7777),
    uid=st.integers(0, 2**32),
    gid=st.integers(0, 2**32),
    size=st.just(0),
    mtime_ns=st.integers(-(10**18), 10**19),
    link=st.one_of(st.just(b""), names),
    xattrs=st.one_of(
        st.none(),
        st.dictionaries(
            st.text("abcdefg.", min_size=1, max_size=20), st.binary(max_size=100), min_size=1
        ),
    ),
)


def read(data: bytes, chunk: int) -> None:
    reader = TarReader(chunked(data, chunk))
    for entry in reader:
        total = sum(len(piece) for piece in reader.data())
        assert total <= len(data)
        assert entry.size >= 0


@BUDGET
@given(
    sample=st.sampled_from(SAMPLES),
    damage=st.lists(st.tuples(st.integers(0, 6000), st.binary(min_size=1, max_size=12))),
    chunk=st.integers(1, 4096),
)
def test_damaged_archives(sample: bytes, damage: list[tuple[int, bytes]], chunk: int) -> None:
    data = bytearray(sample)
    for position, value in damage:
        position %= len(data)
        data[position : position + len(value)] = value
    for start in range(0, len(data) - 511, 512):  # let damaged headers pass the checksum
        block = data[start : start + 512]
        if block[257:262] == b"ustar":
            block[148:156] = b" " * 8
            data[start + 148 : start + 156] = b"%06o\0 " % sum(block)
    with contextlib.suppress(CorruptLayerError):
        read(bytes(data), chunk)


@BUDGET
@given(data=st.binary(max_size=3000), chunk=st.integers(1, 1000))
def test_noise(data: bytes, chunk: int) -> None:
    with contextlib.suppress(CorruptLayerError):
        read(data, chunk)


@BUDGET
@given(body=st.binary(max_size=300))
def test_noise_in_pax_records(body: bytes) -> None:
    with contextlib.suppress(CorruptLayerError):
        parse_records(body)


@BUDGET
@given(
    magic=st.sampled_from([b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd", b"BZh9", b"\xfd7zXZ\0"]),
    body=st.binary(max_size=500),
)
def test_noise_that_says_it_is_compressed(magic: bytes, body: bytes) -> None:
    with contextlib.suppress(CorruptLayerError):
        for piece in decompress([magic + body]):
            assert piece


@BUDGET
@given(entry=entries, data=st.binary(max_size=2000), chunk=st.integers(1, 5000))
def test_what_is_written_is_read(entry: Entry, data: bytes, chunk: int) -> None:
    if entry.type == FILE:
        entry.size = len(data)
    else:
        data = b""
    raw = encode_header(entry) + data + padding(len(data)) + END
    reader = TarReader(chunked(raw, chunk))
    found = next(iter(reader))
    assert found == entry
    assert b"".join(reader.data()) == data
