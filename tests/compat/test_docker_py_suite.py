"""docker-py's own integration tests for images, networks and volumes, unmodified, from its source distribution.

``packaging/docker-py.sh`` brings them. They ask Docker Hub for alpine, busybox and hello-world: a
registry of ours plays it.
"""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

from boxship.entrypoints import base_image
from boxship.oci.image import ExecutionConfig
from tests.support import images
from tests.support.daemon import Daemon
from tests.support.fixtures import StartDaemon
from tests.support.registry import Registry, push_image

_HOME = Path(__file__).resolve().parents[2] / ".tools/docker-py"
_API_VERSION = "1.41"  # what the Makefile of this docker-py gives to its tests

_FILES = {
    "api_image_test.py": 16,
    "api_network_test.py": 18,
    "api_volume_test.py": 9,
    "models_images_test.py": 10,
    "models_networks_test.py": 4,
    "models_volumes_test.py": 2,
    "regression_test.py": 5,
}
"""How many tests of each file must pass."""

_BUILDER = "needs the builder (POST /build)"
_IMAGES = "models_images_test.py::ImageCollectionTest"
_NETWORKS = "api_network_test.py::TestNetworks"
_SWARM = "needs a swarm (POST /swarm/init)"
_HOST_BITS = "names a subnet by an address in it; newer Docker refuses that"
_LINKS = "links on a network of one's own are not resolved"
_LEFT_OUT = {
    f"{_NETWORKS}::test_connect_and_force_disconnect_container": (
        "wants an error for a container that is not connected"
    ),
    f"{_NETWORKS}::test_connect_with_ipv6_address": _HOST_BITS,
    f"{_NETWORKS}::test_connect_with_links": _LINKS,
    f"{_NETWORKS}::test_create_check_duplicate": "newer Docker has no two networks of one name",
    f"{_NETWORKS}::test_create_inspect_network_with_scope": _SWARM,
    f"{_NETWORKS}::test_create_network_attachable": _SWARM,
    f"{_NETWORKS}::test_create_network_ingress": _SWARM,
    f"{_NETWORKS}::test_create_network_ipv6_enabled": _HOST_BITS,
    f"{_NETWORKS}::test_create_remove_network_with_space_in_name": (
        "names of networks have no spaces here, as those of containers"
    ),
    f"{_NETWORKS}::test_create_with_ipv6_address": _HOST_BITS,
    f"{_NETWORKS}::test_create_with_links": _LINKS,
    f"{_IMAGES}::test_build": _BUILDER,
    f"{_IMAGES}::test_build_with_error": _BUILDER,
    f"{_IMAGES}::test_build_with_multiple_success": _BUILDER,
    f"{_IMAGES}::test_build_with_success_build_output": _BUILDER,
    f"{_IMAGES}::test_pull_with_sha": "names the digest of an image on Docker Hub",
    "regression_test.py::TestRegressions::test_443_handle_nonchunked_response_in_stream": _BUILDER,
}
_SKIPPED_BY_ITSELF = {
    "test_import_from_url": "Doesn't work inside a container - FIXME",
    "test_pull_invalid_platform": "Feature requires Docker Engine experimental mode",
}


@pytest.fixture(scope="module")
def hub(registry: Registry) -> Registry:
    """The registry that plays Docker Hub, with the images that these tests pull."""
    alpine = images.image(images.layer({"etc/alpine-release": "3.10.9\n"}))
    for tag in ("latest", "3.10"):
        push_image(registry, f"library/alpine:{tag}", alpine)
    greeting = images.layer({"hello": "#!/bin/sh\necho Hello from Docker!\n"})
    config = ExecutionConfig(env=[base_image.PATH], cmd=["/hello"])
    push_image(registry, "library/hello-world", images.image(greeting, config=config))
    return registry


@pytest.fixture
def engine(start_daemon: StartDaemon, hub: Registry) -> Daemon:
    """An engine of these tests' own: they count and prune images."""
    return start_daemon(config={"registry-mirrors": [hub.url]})


def _run(daemon: Daemon, report: Path) -> str:
    """Run the tests in the environment that was made for them; return what pytest printed."""
    command = [str(_HOME / "venv/bin/python"), "-m", "pytest", "-q", "--tb=short"]
    command += ["-p", "no:cacheprovider", f"--junit-xml={report}", f"--basetemp={report}.tmp"]
    command += [f"tests/integration/{name}" for name in _FILES]
    command += [f"--deselect=tests/integration/{name}" for name in _LEFT_OUT]
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(daemon.scratch),
        "TMPDIR": str(daemon.scratch),
        "DOCKER_HOST": daemon.host,
        "DOCKER_TEST_API_VERSION": _API_VERSION,
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    done = subprocess.run(
        command, cwd=_HOME / "source", env=environment, capture_output=True, text=True
    )
    return done.stdout + done.stderr


def _cases(report: Path) -> Iterator[ElementTree.Element]:
    return ElementTree.parse(report).getroot().iter("testcase")


def _file_of(case: ElementTree.Element) -> str:
    return case.attrib["classname"].split(".")[-2] + ".py"


@pytest.mark.timeout(300)
def test_tests_of_docker_py(engine: Daemon) -> None:
    report = engine.scratch / "report.xml"
    printed = _run(engine, report)
    passed = dict.fromkeys(_FILES, 0)
    skipped = {}
    for case in _cases(report):
        skip = case.find("skipped")
        if skip is not None:
            skipped[case.attrib["name"]] = skip.attrib["message"]
        elif len(case) == 0:
            passed[_file_of(case)] += 1
    assert passed == _FILES, printed
    assert skipped == _SKIPPED_BY_ITSELF, printed


def test_what_is_left_out_exists() -> None:
    """A name that no test has would leave out nothing, and its reason would be untrue."""
    for name in _LEFT_OUT:
        file, _, test = name.partition("::")
        text = (_HOME / "source/tests/integration" / file).read_text()
        assert f"def {test.rpartition('::')[2]}(" in text
