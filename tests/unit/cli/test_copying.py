"""``cp``: the rules of names, and archives that a container may have made up."""

import binascii
import io
import os
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from boxship.cli.container.cp import split
from boxship.cli.container.tarstream import Tally, pack, unpack
from boxship.cli.errors import CliError
from boxship.cli.main import main
from boxship.client import jsontext
from boxship.client.testing import Asked, Connection, fake_engine

GO_DIRECTORY = 1 << 31


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("web:/a", ("web", "/a")),
        ("web:a:b", ("web", "a:b")),
        ("/a:b", ("", "/a:b")),
        ("./a:b", ("", "./a:b")),
        ("a", ("", "a")),
        ("-", ("", "-")),
    ],
)
def test_container_and_path(text: str, parts: tuple[str, str]) -> None:
    assert split(text) == parts


def archive_of(*entries: tarfile.TarInfo | tuple[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for entry in entries:
            if isinstance(entry, tarfile.TarInfo):
                archive.addfile(entry)
            else:
                info = tarfile.TarInfo(entry[0])
                info.size = len(entry[1])
                archive.addfile(info, io.BytesIO(entry[1]))
    return buffer.getvalue()


def special(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def unpack_bytes(data: bytes, directory: Path, name: str = "") -> None:
    pieces = [data[start : start + 100] for start in range(0, len(data), 100)]
    unpack(Tally(pieces), str(directory), name=name, keep_owner=False)


def test_a_tree_survives_packing_and_unpacking(tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "sub").mkdir(parents=True)
    (source / "sub" / ("long" * 40)).write_bytes(os.urandom(5000))
    (source / "empty").touch(mode=0o600)
    (source / "link").symlink_to("sub/nowhere")
    os.link(source / "empty", source / "second")
    target = tmp_path / "target"
    target.mkdir()
    unpack_bytes(b"".join(pack(str(source), "top")), target, "renamed")
    copy = target / "renamed"
    assert sorted(path.name for path in copy.iterdir()) == ["empty", "link", "second", "sub"]
    (file,) = (copy / "sub").iterdir()
    assert file.read_bytes() == (source / "sub" / file.name).read_bytes()
    assert (copy / "link").readlink() == Path("sub/nowhere")
    assert (copy / "empty").stat().st_mode & 0o777 == 0o600


def test_the_content_alone_is_unpacked_for_an_empty_name(tmp_path: Path) -> None:
    unpack_bytes(
        archive_of(special("d", tarfile.DIRTYPE), ("d/a", b"1"), ("d/d/b", b"2")), tmp_path
    )
    assert (tmp_path / "a").read_bytes() == b"1"
    assert (tmp_path / "d" / "b").read_bytes() == b"2"


def test_a_hard_link_follows_the_new_name(tmp_path: Path) -> None:
    data = archive_of(
        special("d", tarfile.DIRTYPE), ("d/a", b"1"), special("d/b", tarfile.LNKTYPE, "d/a")
    )
    unpack_bytes(data, tmp_path, "new")
    assert (tmp_path / "new" / "a").samefile(tmp_path / "new" / "b")


@pytest.mark.parametrize(
    "entries",
    [
        [("top/../../evil", b"x")],
        [special("top/out", tarfile.SYMTYPE, "/OUTSIDE"), ("top/out/evil", b"x")],
        [special("top/out", tarfile.SYMTYPE, "../../outside"), ("top/out/evil", b"x")],
        [special("top/evil", tarfile.LNKTYPE, "top/../../outside/secret")],
    ],
)
def test_a_hostile_archive_stays_inside(tmp_path: Path, entries: list[Any]) -> None:
    outside, inside = tmp_path / "outside", tmp_path / "inside"
    outside.mkdir()
    inside.mkdir()
    (outside / "secret").touch()
    for entry in entries:
        if isinstance(entry, tarfile.TarInfo):
            entry.linkname = entry.linkname.replace("/OUTSIDE", str(outside))
    with pytest.raises(CliError):
        unpack_bytes(archive_of(*entries), inside, "top")
    assert [path.name for path in outside.iterdir()] == ["secret"]
    assert not (tmp_path / "evil").exists()


def test_a_link_is_replaced_and_not_written_through(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("safe")
    (tmp_path / "a").symlink_to(victim)
    unpack_bytes(archive_of(("a", b"new")), tmp_path, "a")
    assert victim.read_text() == "safe"
    assert (tmp_path / "a").read_text() == "new"


def test_a_damaged_archive_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CliError, match="damaged archive"):
        unpack_bytes(b"no tar" * 200, tmp_path, "a")


def stat_header(name: str, *, directory: bool) -> dict[str, str]:
    document = {"name": name, "mode": 0o755 | (GO_DIRECTORY if directory else 0), "linkTarget": ""}
    encoded = binascii.b2a_base64(jsontext.dumps(document).encode(), newline=False).decode()
    return {"X-Docker-Container-Path-Stat": encoded}


def run_cp(
    tmp_path: Path, handle: Callable[[Connection, Asked], None], *words: str
) -> tuple[int, list[Asked]]:
    with fake_engine(tmp_path, handle) as engine:
        code = main(["-H", f"unix://{engine.path}", "cp", "-q", *words])
        return code, engine.asked


@pytest.mark.parametrize(
    ("exists", "target", "directory", "name"),
    [
        (True, "/there", "/there", "file"),
        (False, "/there/new", "/there", "new"),
    ],
)
def test_a_file_goes_into_a_directory_or_gets_a_new_name(
    tmp_path: Path, target: str, directory: str, name: str, *, exists: bool
) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"content")

    def handle(connection: Connection, request: Asked) -> None:
        if request.method == "HEAD":
            headers = stat_header("there", directory=True) if exists else {}
            connection.answer(b"", 200 if exists else 404, headers)
        else:
            connection.answer(b"")

    code, asked = run_cp(tmp_path, handle, str(file), f"web:{target}")
    put = asked[-1]
    assert code == 0
    assert f"path={directory.replace('/', '%2F')}&" in put.query
    with tarfile.open(fileobj=io.BytesIO(put.body)) as archive:
        assert archive.getnames() == [name]


def test_a_directory_comes_out_under_the_targets_name(tmp_path: Path) -> None:
    def handle(connection: Connection, _: Asked) -> None:
        body = archive_of(special("etc", tarfile.DIRTYPE), ("etc/a", b"1"))
        connection.answer(body, 200, stat_header("etc", directory=True))

    code, _ = run_cp(tmp_path, handle, "web:/etc", str(tmp_path / "copy"))
    assert code == 0
    assert (tmp_path / "copy" / "a").read_bytes() == b"1"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["a:/x", "b:/y"], "copying between containers is not supported"),
        (["x", "y"], "must specify at least one container source"),
        (["web:", "y"], "no path in 'web:'"),
        (["/does/not/exist", "web:/x"], "lstat /does/not/exist: no such file or directory"),
    ],
)
def test_bad_words(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    def handle(connection: Connection, _: Asked) -> None:
        connection.answer(b"", 404)

    code, _ = run_cp(tmp_path, handle, *words)
    assert code == 1
    assert message in capfd.readouterr().err
