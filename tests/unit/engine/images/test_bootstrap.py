"""Reading apt's sources, and busybox's applets."""

from pathlib import Path

import pytest

from boxship.engine.images.bootstrap import deb
from boxship.engine.images.bootstrap.finish import configure_apt
from boxship.engine.images.bootstrap.recipe import debian_architecture, make_recipe
from boxship.engine.images.bootstrap.sources import Source, read_sources, sources_for
from boxship.engine.storage.errors import CorruptLayerError
from boxship.errors import UnavailableError
from boxship.linux.host import read_host
from boxship.oci.platform import parse_platform
from tests.support.debian import Package

DEB822 = """\
# a comment
Types: deb deb-src
URIs: http://packages.example.com/debian
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: /usr/share/keyrings/example.gpg

Enabled: no
Types: deb
URIs: http://disabled.example.com
Suites: bookworm
Components: main
"""
ONE_LINE = """\
# deb http://comment.example.com bookworm main
deb [arch=amd64 signed-by=/k.gpg] http://one.example.com/debian bookworm-backports main # yes
deb-src http://source.example.com/debian bookworm main
deb [trusted=yes] file:/srv/local ./
"""


@pytest.fixture
def etc(tmp_path: Path) -> Path:
    """apt's settings of a host."""
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / "sources.list").write_text(ONE_LINE)
    (tmp_path / "sources.list.d/debian.sources").write_text(DEB822)
    (tmp_path / "sources.list.d/old.list.save").write_text("deb http://old.example.com x main\n")
    return tmp_path


def test_all_forms_of_sources_are_read(etc: Path) -> None:
    found = read_sources(etc)
    assert [source.uris for source in found] == [
        ("http://one.example.com/debian",),
        ("file:/srv/local",),
        ("http://packages.example.com/debian",),
    ]
    keys = ["/k.gpg", "", "/usr/share/keyrings/example.gpg"]
    assert [source.signed_by for source in found] == keys
    assert [source.trusted for source in found] == [False, True, False]
    assert found[2].stanza().splitlines()[2] == "Suites: bookworm bookworm-updates"


def test_a_suite_brings_its_updates(etc: Path) -> None:
    wanted = make_recipe(
        "debian:bookworm", platforms=[], packages=[], components=["main"], changes=[]
    )
    found = sources_for(wanted, etc)
    assert [source.suites for source in found] == [
        ("bookworm-backports",),
        ("bookworm", "bookworm-updates"),
    ]
    assert {source.components for source in found} == {("main",)}


def test_a_mirror_is_signed_by_the_same_key(etc: Path) -> None:
    wanted = make_recipe(
        "debian:bookworm",
        platforms=[],
        packages=[],
        mirror="http://mirror.example.com/debian",
        components=[],
        changes=[],
    )
    (found,) = sources_for(wanted, etc)
    assert (found.uris, found.suites) == (("http://mirror.example.com/debian",), ("bookworm",))
    assert found.signed_by == "/k.gpg"


def test_the_image_gets_the_sources_without_their_passwords(tmp_path: Path) -> None:
    for name in ("etc/apt/sources.list.d", "etc/apt/apt.conf.d"):
        (tmp_path / name).mkdir(parents=True)
    source = Source(
        uris=("https://user:secret@packages.example.com/debian",),
        suites=("bookworm",),
        components=("main",),
        signed_by="/usr/share/keyrings/absent.gpg",
    )
    configure_apt(tmp_path, [source])
    written = (tmp_path / "etc/apt/sources.list.d/image.sources").read_text()
    assert "URIs: https://packages.example.com/debian\n" in written
    assert "Signed-By" not in written  # the image does not have that key


def test_no_source_at_all(tmp_path: Path) -> None:
    wanted = make_recipe("debian:x", platforms=[], packages=[], components=[], changes=[])
    with pytest.raises(UnavailableError, match=r"no package source for debian:x: .* names none"):
        sources_for(wanted, tmp_path)


@pytest.mark.parametrize("rolling", ["sid", "unstable"])
def test_a_rolling_release_has_no_updates(tmp_path: Path, rolling: str) -> None:
    own = read_host().codename
    (tmp_path / "sources.list").write_text(
        f"deb http://a.example.com {own} main\ndeb http://a.example.com {own}-updates main\n"
    )
    wanted = make_recipe(f"debian:{rolling}", platforms=[], packages=[], components=[], changes=[])
    assert [source.suites for source in sources_for(wanted, tmp_path)] == [(rolling,)]


@pytest.mark.parametrize(
    ("platform", "name"),
    [
        ("linux/amd64", "amd64"),
        ("linux/arm64/v8", "arm64"),
        ("linux/arm/v7", "armhf"),
        ("linux/arm/v6", "armel"),
        ("linux/386", "i386"),
        ("linux/ppc64le", "ppc64el"),
    ],
)
def test_architectures(platform: str, name: str) -> None:
    assert debian_architecture(parse_platform(platform)) == name


def test_a_package_says_what_it_is(tmp_path: Path) -> None:
    path = tmp_path / "a.deb"
    package = Package(
        name="a", files={"f": "x"}, fields={"Depends": "b"}, scripts={"conffiles": "/etc/a\n"}
    )
    path.write_bytes(package.build())
    control = deb.read_control(path)
    assert (control.package, control.fields["Depends"]) == ("a", "b")
    assert control.conffiles == ["/etc/a"]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"no archive", "not an ar archive"),
        (b"!<arch>\n", "it has no control.tar"),
        (Package(name="a", files={}).build()[:150], "it has no control.tar|cut off|end"),
    ],
)
def test_what_is_no_package(tmp_path: Path, data: bytes, message: str) -> None:
    path = tmp_path / "a.deb"
    path.write_bytes(data)
    with pytest.raises(CorruptLayerError, match=message):
        deb.read_control(path)
