"""Fixtures for tests that run the real thing; loaded for all of tests/ by tests/conftest.py."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import count
from pathlib import Path

import docker as docker_sdk
import pytest

from boxship.entrypoints import base_image
from tests.support import isolation
from tests.support.certs import Authority
from tests.support.cli import Cli, boxship_cli, docker_cli
from tests.support.daemon import Daemon
from tests.support.lan import Lan
from tests.support.own_registry import OwnRegistry
from tests.support.registry import Registry, TokenRegistry, basic_registry, push_image

_SCRATCH = pytest.StashKey[Path]()
_NUMBERS = count(1)
_TOOLS = Path(__file__).resolve().parents[2] / ".tools"


def pytest_configure(config: pytest.Config) -> None:
    """Leave the host's network and mounts alone, whatever the tests do."""
    if os.geteuid() == 0:
        config.stash[_SCRATCH] = isolation.enter()


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove what outlives the namespaces."""
    if _SCRATCH in config.stash:
        isolation.leave(config.stash[_SCRATCH])


@pytest.fixture(scope="session")
def scratch_root(pytestconfig: pytest.Config) -> Path:
    """The run's directory on tmpfs, with a short path (unix sockets allow 107 bytes)."""
    assert _SCRATCH in pytestconfig.stash, "these tests must run as root"
    return pytestconfig.stash[_SCRATCH]


@pytest.fixture
def scratch(scratch_root: Path) -> Iterator[Path]:
    """A fresh directory on tmpfs for one test."""
    directory = scratch_root / f"t{next(_NUMBERS)}"
    directory.mkdir()
    yield directory
    shutil.rmtree(directory)


@pytest.fixture(scope="session")
def busybox_root(scratch_root: Path) -> Path:
    """A root file system of busybox, unpacked. Read it, copy it, do not change it."""
    root = scratch_root / "busybox"
    root.mkdir()
    layer = base_image.busybox_layer(base_image.find_busybox())
    subprocess.run(["tar", "-x", "-p", "-C", str(root)], input=layer, check=True)
    return root


@pytest.fixture(scope="session")
def authority(scratch_root: Path) -> Authority:
    """The certificate authority of the run."""
    return Authority(scratch_root / "certs")


def _served(registry: Registry) -> Iterator[Registry]:
    registry.start()
    yield registry
    registry.stop()


@pytest.fixture(scope="session")
def registry(scratch_root: Path) -> Iterator[Registry]:
    """An open registry, which holds busybox as ``library/busybox``; daemons mirror it."""
    for registry in _served(Registry(scratch_root / "registry")):
        push_image(registry, "library/busybox")
        yield registry


@pytest.fixture(scope="session")
def own_registry(scratch_root: Path) -> Iterator[OwnRegistry]:
    """An open registry of our own; empty at first, shared by the run: use names of your own."""
    registry = OwnRegistry(scratch_root / "own-registry")
    registry.start()
    yield registry
    registry.stop()


@pytest.fixture(scope="session")
def registry_basic(scratch_root: Path) -> Iterator[Registry]:
    """A registry that wants a password."""
    yield from _served(basic_registry(scratch_root / "registry-basic"))


@pytest.fixture(scope="session")
def registry_token(scratch_root: Path) -> Iterator[TokenRegistry]:
    """A registry that wants a token of its token server."""
    registry = TokenRegistry(scratch_root / "registry-token")
    registry.start()
    yield registry
    registry.stop()


@pytest.fixture(scope="session")
def registry_tls(scratch_root: Path, authority: Authority) -> Iterator[Registry]:
    """A registry that speaks HTTPS with a certificate of the run's authority."""
    registry = Registry(scratch_root / "registry-tls")
    registry.use_tls(authority)
    yield from _served(registry)


@pytest.fixture(scope="session")
def mirror(registry: Registry) -> dict[str, object]:
    """The part of daemon.json that makes ``busybox`` come from the run's registry."""
    return {"registry-mirrors": [registry.url]}


StartDaemon = Callable[..., Daemon]


@pytest.fixture
def start_daemon(scratch_root: Path, mirror: dict[str, object]) -> Iterator[StartDaemon]:
    """Start a daemon of the test's own: ``start_daemon(config={…}, args=[…])``."""
    started: list[Daemon] = []

    def start(
        *,
        config: Mapping[str, object] | None = None,
        args: Iterable[str] = (),
        env: Mapping[str, str] | None = None,
    ) -> Daemon:
        directory = scratch_root / f"d{next(_NUMBERS)}"
        daemon = Daemon(directory, config={**mirror, **(config or {})}, args=args, env=env)
        started.append(daemon)
        daemon.start()
        return daemon

    yield start
    for daemon in started:
        _remove(daemon)


@pytest.fixture(scope="module")
def daemon(scratch_root: Path, mirror: dict[str, object]) -> Iterator[Daemon]:
    """A daemon that the tests of one module share."""
    daemon = Daemon(scratch_root / f"d{next(_NUMBERS)}", config=mirror)
    daemon.start()
    yield daemon
    _remove(daemon)


def _remove(daemon: Daemon) -> None:
    try:
        daemon.destroy()
    finally:
        shutil.rmtree(daemon.scratch, ignore_errors=True)


@pytest.fixture(scope="module")
def boxship(daemon: Daemon) -> Cli:
    """Our command against the module's daemon: ``boxship("ps", "-q")`` returns its output."""
    return boxship_cli(daemon.host, daemon.scratch / "home")


def docker_programs() -> list[Path]:
    """Debian's 20.10, which `make test` unpacks, and the newest one on the machine."""
    debian = _TOOLS / "docker.io/usr/bin/docker"
    newest = shutil.which("docker")
    return [
        program for program in (debian, newest and Path(newest)) if program and program.exists()
    ]


def docker_version(program: Path) -> str:
    """``20.10.24``: the third word of ``Docker version 20.10.24, build …``."""
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    return re.split(r"[ ,+]", said.stdout)[2]


@pytest.fixture(scope="module", params=docker_programs(), ids=docker_version)
def docker(request: pytest.FixtureRequest, daemon: Daemon) -> Cli:
    """The stock client against the module's daemon, once for each version at hand."""
    return docker_cli(request.param, daemon.host, daemon.scratch / "docker-home")


@pytest.fixture
def docker_py(daemon: Daemon) -> Iterator[docker_sdk.DockerClient]:
    """docker-py against the module's daemon."""
    client = docker_sdk.DockerClient(base_url=daemon.host)
    yield client
    client.close()


@pytest.fixture(scope="module")
def busybox(daemon: Daemon) -> str:
    """The name of the busybox image, pulled into the module's daemon."""
    status, body = daemon.request("POST", "/images/create?fromImage=busybox&tag=latest")
    assert status == 200, body
    assert daemon.request("GET", "/images/busybox/json")[0] == 200, body
    return "busybox"


@pytest.fixture
def lan() -> Iterator[Lan]:
    """A network outside this host."""
    outside = Lan(f"lan{next(_NUMBERS)}")
    outside.start()
    yield outside
    outside.stop()
