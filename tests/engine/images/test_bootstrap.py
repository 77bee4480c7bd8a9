"""Base images out of packages: the same packages give the same image, and nothing is left."""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from boxship.engine.images.bootstrap.busybox import find_busybox
from boxship.engine.images.bootstrap.recipe import Recipe, make_recipe
from boxship.engine.images.bootstrap.sources import Source
from boxship.engine.images.image import Image, Progress
from boxship.engine.storage.errors import StorageFullError
from boxship.entrypoints import base_image
from boxship.errors import BoxshipError, InternalError, NotFoundError
from boxship.linux import mount
from boxship.linux.host import read_host
from boxship.oci.platform import host_platform
from tests.engine.images.conftest import House, HouseMaker
from tests.support.debian import MTIME, Package, apt_knows, write_repository

SUITE = "arboreal"
NATIVE = host_platform().architecture
FOREIGN = "arm64" if NATIVE == "amd64" else "amd64"

# A shell, and programs that stand for dpkg and setpriv: what the engine itself calls in a tree.
_DPKG = """#!/bin/sh
echo "$@" >> /var/lib/dpkg/calls
case "$*" in *broken*) echo "the script of broken failed"; exit 1;; esac
ls /sys/class/net > /var/lib/dpkg/links 2>/dev/null || ip -o link > /var/lib/dpkg/links
date > /var/log/dpkg.log
date > /etc/machine-id
cat /usr/sbin/policy-rc.d > /var/lib/dpkg/policy
[ $$ -lt 20 ] && echo own > /var/lib/dpkg/processes
echo "root:*:99999:0:99999:7:::" > /etc/shadow
"""
_SETPRIV = '#!/bin/sh\nwhile [ "$1" != -- ]; do shift; done\nshift\nexec "$@"\n'


def essential(**more: str | bytes | None) -> Package:
    """The one essential package of the suite."""
    applets = ("sh", "cat", "cd", "ls", "ip", "date", "echo")
    files: dict[str, str | bytes | None] = {
        "bin/busybox": find_busybox().read_bytes(),
        **{f"bin/{name}": "-> busybox" for name in applets},
        "usr/bin/setpriv": _SETPRIV,
        "usr/bin/dpkg": _DPKG,
        "usr/sbin/sv": "",
        **dict.fromkeys(("dev", "etc", "proc", "run", "tmp", "var", "var/log", "root")),
        "var/lib/dpkg": None,
        "var/lib/apt/lists": None,
        **more,
    }
    return Package(name="essential", files=files, architecture=NATIVE, fields={"Essential": "yes"})


@pytest.fixture
def source(tmp_path: Path) -> Iterator[Path]:
    """A package source that apt knows, of a suite that no other source has."""
    root = tmp_path / "source"
    tool = {"usr/bin/tool": "#!/bin/sh\n", "etc/tool.conf": "a=1\n"}
    foreign = {"bin/busybox": b"\x7fELF\0[\0[[\0cat\0sh\0wget\0zap\0\0"}
    write_repository(
        root,
        SUITE,
        essential(),
        Package(name="apt", files={}, architecture=NATIVE),
        Package(
            name="tool",
            files=tool,
            version="2",
            architecture=NATIVE,
            fields={"Depends": "library"},
            scripts={"conffiles": "/etc/tool.conf\n"},
        ),
        Package(name="library", files={"lib/library.so": "so"}, architecture=NATIVE),
        Package(name="broken", files={}, architecture=NATIVE),
        Package(name="tool", files=tool, architecture=FOREIGN),
        Package(name="busybox-static", files=foreign, architecture=FOREIGN),
    )
    with apt_knows(root, SUITE):
        yield root


def recipe(text: str = f"debian:{SUITE}", *packages: str, **more: object) -> Recipe:
    """A checked request."""
    wanted: dict[str, Any] = {
        "platforms": [],
        "packages": list(packages),
        "components": [],
        "changes": [],
        **more,
    }
    return make_recipe(text, **wanted)


async def make(house: House, wanted: Recipe, name: str = "made") -> Image:
    """Make one image."""
    (image,) = await house.images.extras.bootstrap(wanted, name, progress=house.messages.append)
    return image


async def content(house: House, image: Image) -> dict[str, str]:
    """The image's paths, and the content of small files."""
    listing = await house.images.extras.files(image.id)
    found = {}
    for file in listing.files:
        chain = image.chain_ids[file.layer]
        assert file.state is not None
        text = file.state.link
        if file.state.permissions.startswith("-") and file.state.size < 10_000:
            descriptor = house.storage.contents.open(chain, file.path[1:].encode())
            with os.fdopen(descriptor) as opened:
                text = opened.read()
        found[file.path] = text
    return found


async def test_busybox_is_the_base_image(open_house: HouseMaker) -> None:
    first, second = open_house(), open_house()
    image = await make(first, recipe("busybox"))
    assert image.id == base_image.busybox_image().config_digest
    assert image.repo_tags == ("made:latest",)
    assert (await make(second, recipe("busybox"))).manifest_digest == image.manifest_digest


async def test_busybox_for_another_architecture_is_not_run(
    house: House, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = recipe("busybox", platforms=[f"linux/{FOREIGN}"])
    monkeypatch.setattr("boxship.engine.images.bootstrap.build.sources_for", _only(source))
    image = await make(house, wanted)
    again = await make(house, wanted, "again")
    assert image.id == again.id
    assert image.config.architecture == FOREIGN
    files = await content(house, image)
    assert files["/usr/bin/wget"] == "/bin/busybox"  # where our own busybox has it
    assert files["/bin/zap"] == "/bin/busybox"
    assert "/bin/ls" not in files


def _only(source: Path) -> object:
    only = Source(uris=(f"file:{source}",), suites=(SUITE,), components=("main",), trusted=True)
    return lambda _recipe: [only]


@pytest.mark.usefixtures("source")
async def test_an_image_of_named_packages(open_house: HouseMaker) -> None:
    first, second = open_house(), open_house()
    wanted = recipe(
        f"debian:{SUITE}",
        "tool",
        variant="custom",
        changes=['CMD ["tool"]', "ENV A=1", "EXPOSE 80", "WORKDIR /srv"],
    )
    image = await make(first, wanted)
    files = await content(first, image)
    assert files["/usr/lib/library.so"] == "so"
    assert files["/lib"] == "usr/lib"
    status = files["/var/lib/dpkg/status"]
    assert "Package: library\nStatus: install ok installed\n" in status
    assert "Conffiles:\n /etc/tool.conf " in status
    assert files["/var/lib/dpkg/info/tool.list"].splitlines() == [
        "/.",
        "/usr/bin/tool",
        "/etc/tool.conf",
    ]
    assert "root:x:0:0:" in files["/etc/passwd"]
    execution = image.config.config
    assert (execution.cmd, execution.working_dir) == (["tool"], "/srv")
    assert "A=1" in execution.env
    assert list(execution.exposed_ports) == ["80/tcp"]
    assert image.config.created == "2020-09-13T12:26:40Z"  # of the newest file
    assert (await make(second, wanted)).manifest_digest == image.manifest_digest
    assert list(Path("/var/lib/dpkg").glob("info/library.*")) == []


@pytest.mark.usefixtures("source")
async def test_packages_scripts_run_apart_from_the_host(open_house: HouseMaker) -> None:
    first, second = open_house(), open_house()
    wanted = recipe(f"debian:{SUITE}", "tool", variant="essential")
    image = await make(first, wanted)
    files = await content(first, image)
    calls = files["/var/lib/dpkg/calls"].splitlines()
    assert calls[0].endswith(f"--install apt_1_{NATIVE}.deb essential_1_{NATIVE}.deb")
    assert calls[1].endswith(f"--unpack library_1_{NATIVE}.deb tool_2_{NATIVE}.deb")
    assert calls[2].endswith("--configure --pending")
    assert "eth" not in files["/var/lib/dpkg/links"]
    assert files["/var/lib/dpkg/policy"] == "#!/bin/sh\nexit 101\n"
    assert files["/var/lib/dpkg/processes"] == "own\n"
    for gone in ("/usr/sbin/policy-rc.d", "/var/cache/boxship-bootstrap", "/var/log/dpkg.log"):
        assert gone not in files
    assert not [path for path in files if path.startswith(("/dev/", "/proc/"))]
    assert files["/etc/machine-id"] == ""
    assert files["/etc/shadow"] == f"root:*:{MTIME // 86400}:0:99999:7:::\n"
    assert (await make(second, wanted)).manifest_digest == image.manifest_digest


@pytest.mark.usefixtures("source")
async def test_a_script_that_fails_shows_what_it_said(house: House) -> None:
    before = house.leftovers()
    with pytest.raises(InternalError, match=r"cannot be installed: .*the script of broken failed"):
        await make(house, recipe(f"debian:{SUITE}", "broken", variant="essential"))
    await _nothing_left(house, before)


@pytest.mark.usefixtures("source")
async def test_several_platforms_make_an_index(house: House) -> None:
    wanted = recipe(
        f"debian:{SUITE}",
        "tool",
        variant="custom",
        platforms=[f"linux/{FOREIGN}", f"linux/{NATIVE}"],
    )
    images = await house.images.extras.bootstrap(wanted, "both", progress=house.messages.append)
    assert [image.config.architecture for image in images] == [FOREIGN, NATIVE]
    assert house.images.get("both").id == images[1].id
    assert house.images.get("both", f"linux/{FOREIGN}").id == images[0].id


@pytest.mark.usefixtures("source")
@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        (
            lambda: recipe("debian:nowhere", variant="custom", packages=["tool"]),
            f"no package source for debian:nowhere: .* names {SUITE}; give one",
        ),
        (
            lambda: recipe(f"debian:{SUITE}", "unheard-of", variant="custom"),
            r"no package unheard-of in this release",
        ),
    ],
)
async def test_what_is_not_there(house: House, wanted: object, message: str) -> None:
    before = house.leftovers()
    assert callable(wanted)
    with pytest.raises(BoxshipError, match=message):
        await make(house, wanted())
    await _nothing_left(house, before)


async def test_a_release_that_the_source_does_not_have(house: House, tmp_path: Path) -> None:
    """Another release is looked for where the host has its own from."""
    own = read_host().codename
    tool = Package(name="tool", files={"tool": ""}, architecture=NATIVE)
    write_repository(tmp_path, own, tool)
    write_repository(tmp_path, "next", tool)
    with apt_knows(tmp_path, own):
        image = await make(house, recipe("debian:next", "tool", variant="custom"))
        assert "/tool" in await content(house, image)
        message = f"no debian:nowhere: the package source has no release nowhere.*names .*{own}"
        with pytest.raises(NotFoundError, match=f"(?s){message}"):
            await make(house, recipe("debian:nowhere", "tool", variant="custom"), "other")


async def test_packages_cannot_lead_out_of_the_tree(house: House, source: Path) -> None:
    victim = source.parent / "victim"
    victim.mkdir()
    (victim / "machine-id").write_text("mine")
    way_out = Package(name="way-out", files={"etc": f"-> {victim}"}, architecture=NATIVE)
    write_repository(source, SUITE, way_out)
    with pytest.raises(BoxshipError, match="the packages make /etc a link"):
        await make(house, recipe(f"debian:{SUITE}", "way-out", variant="custom"))
    inside = Package(
        name="inside",
        files={"etc": None, "etc/machine-id": f"-> {victim}/machine-id"},
        architecture=NATIVE,
    )
    write_repository(source, SUITE, inside)
    await make(house, recipe(f"debian:{SUITE}", "inside", variant="custom"))
    assert [path.name for path in victim.iterdir()] == ["machine-id"]
    assert (victim / "machine-id").read_text() == "mine"


async def test_a_package_that_is_not_as_announced(house: House, source: Path) -> None:
    for path in (source / "pool").glob("library_*"):
        path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(InternalError, match=r"apt-get failed: (.|\n)*Hash Sum mismatch|size"):
        await make(house, recipe(f"debian:{SUITE}", "tool", variant="custom"))


@pytest.mark.usefixtures("source")
async def test_interrupted_nothing_is_left(house: House) -> None:
    before = house.leftovers()
    reached = asyncio.Event()

    def progress(message: Progress) -> None:
        if message.status.startswith("Downloading"):
            reached.set()

    wanted = recipe(f"debian:{SUITE}", "tool", variant="custom")
    task = asyncio.ensure_future(house.images.extras.bootstrap(wanted, "x", progress=progress))
    await reached.wait()
    task.cancel()
    await asyncio.wait({task})
    assert task.cancelled()
    await _nothing_left(house, before)


@pytest.mark.usefixtures("source")
async def test_a_full_disk(open_house: HouseMaker, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount.mount("tmpfs", disk, "tmpfs", data="size=6m")
    try:
        house = open_house(root=disk / "root")
        with pytest.raises(StorageFullError, match="no space left"):
            await make(house, recipe(f"debian:{SUITE}", variant="essential"))
        await _nothing_left(house, ([], []))
    finally:
        mount.unmount(disk, mount.MNT_DETACH)


async def _nothing_left(house: House, before: tuple[list[str], list[str]]) -> None:
    await house.images.settle()
    house.storage.wait_background()
    assert house.leftovers() == before
    assert house.images.list() == []
    drafts = list(house.root.glob("*/tmp/*"))
    assert drafts == []


@pytest.mark.parametrize(
    ("source_text", "more", "message"),
    [
        ("alpine", {}, "no distribution 'alpine': there are busybox, debian"),
        ("debian", {}, "name a release of debian"),
        ("debian:Bad Suite", {}, "name a release of debian"),
        ("busybox:1", {}, "no busybox:1"),
        ("busybox", {"packages": ["x1"]}, "busybox has no packages"),
        ("debian:x", {"variant": "tiny"}, "no variant 'tiny': there are minbase"),
        ("debian:x", {"variant": "custom"}, "has only named packages"),
        ("debian:x", {"packages": ["-o", "--x"]}, "is no name of a package"),
        ("debian:x", {"platforms": ["windows/amd64"]}, "no packages for windows/amd64"),
        ("debian:x", {"mirror": "-o"}, "is no URL of a package source"),
        ("debian:x", {"epoch": -1}, "before 1970"),
    ],
)
def test_requests_that_make_no_sense(
    source_text: str, more: dict[str, object], message: str
) -> None:
    with pytest.raises(BoxshipError, match=message):
        recipe(source_text, **more)
