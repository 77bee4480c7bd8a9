"""docker-py's own integration tests, unmodified, from its source distribution.

``packaging/docker-py.sh`` brings them. They ask Docker Hub for alpine, busybox and hello-world: a
registry of ours plays it.
"""

import os
import subprocess
from collections.abc import Iterable, Iterator
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
    "containers": {
        "api_client_test.py": 5,
        "api_container_test.py": 75,
        "api_exec_test.py": 21,
        "api_healthcheck_test.py": 4,
        "client_test.py": 5,
        "context_api_test.py": 3,
        "errors_test.py": 0,
        "models_containers_test.py": 35,
        "models_resources_test.py": 1,
    },
    "images": {
        "api_image_test.py": 16,
        "models_images_test.py": 10,
        "regression_test.py": 5,
    },
    "networks and volumes": {
        "api_network_test.py": 20,
        "api_volume_test.py": 9,
        "models_networks_test.py": 4,
        "models_volumes_test.py": 2,
    },
}
"""How many tests of each file must pass, by what they are about."""

_BUILDER = "needs the builder (POST /build)"
_IMAGES = "models_images_test.py::ImageCollectionTest"
_NETWORKS = "api_network_test.py::TestNetworks"
_SWARM = "needs a swarm (POST /swarm/init)"
_HOST_BITS = "names a subnet by an address in it; newer Docker refuses that"
_CONTAINERS = "api_container_test.py"
_OLD_WORDS = "wants the words of a Docker before 25: You cannot remove a running container"
_EITHER_WAY = "is marked as failing, and passes or fails by what the machine has"
_LEFT_OUT = {
    f"{_CONTAINERS}::AttachContainerTest::test_attach_no_stream": (
        "loses what comes in one piece with the head of the answer; see test_attach.py"
    ),
    f"{_CONTAINERS}::AttachContainerTest::test_run_container_reading_socket_ws": (
        "knows no websocket over a unix socket"
    ),
    f"{_CONTAINERS}::ContainerCPUTest::test_create_with_runtime": (
        "wants the default runtime to be called runc"
    ),
    f"{_CONTAINERS}::CreateContainerTest::test_create_with_cpu_rt_options": _EITHER_WAY,
    f"{_CONTAINERS}::CreateContainerTest::test_create_with_restart_policy": _OLD_WORDS,
    f"{_CONTAINERS}::CreateContainerTest::test_create_with_storage_opt": _EITHER_WAY,
    f"{_CONTAINERS}::ContainerTopTest::test_top": _EITHER_WAY,
    f"{_CONTAINERS}::ContainerTopTest::test_top_with_psargs": _EITHER_WAY,
    "errors_test.py::ErrorsTest::test_api_error_parses_json": _OLD_WORDS,
    "models_containers_test.py::ContainerCollectionTest::test_run_with_image_that_does_not_exist": (
        "knows the words of Docker Hub only; the registry that plays it has others"
    ),
    "models_containers_test.py::ContainerTest::test_exec_run_failed": (
        "wants 126 for a command that is not there; newer Docker says 127, as shells do"
    ),
    f"{_NETWORKS}::test_connect_and_force_disconnect_container": (
        "wants an error for a container that is not connected"
    ),
    f"{_NETWORKS}::test_connect_with_ipv6_address": _HOST_BITS,
    f"{_NETWORKS}::test_create_check_duplicate": "newer Docker has no two networks of one name",
    f"{_NETWORKS}::test_create_inspect_network_with_scope": _SWARM,
    f"{_NETWORKS}::test_create_network_attachable": _SWARM,
    f"{_NETWORKS}::test_create_network_ingress": _SWARM,
    f"{_NETWORKS}::test_create_network_ipv6_enabled": _HOST_BITS,
    f"{_NETWORKS}::test_create_remove_network_with_space_in_name": (
        "names of networks have no spaces here, as those of containers"
    ),
    f"{_NETWORKS}::test_create_with_ipv6_address": _HOST_BITS,
    f"{_IMAGES}::test_build": _BUILDER,
    f"{_IMAGES}::test_build_with_error": _BUILDER,
    f"{_IMAGES}::test_build_with_multiple_success": _BUILDER,
    f"{_IMAGES}::test_build_with_success_build_output": _BUILDER,
    f"{_IMAGES}::test_pull_with_sha": "names the digest of an image on Docker Hub",
    "regression_test.py::TestRegressions::test_443_handle_nonchunked_response_in_stream": _BUILDER,
}
_SKIPPED_BY_ITSELF = {
    "images": {
        "test_import_from_url": "Doesn't work inside a container - FIXME",
        "test_pull_invalid_platform": "Feature requires Docker Engine experimental mode",
    }
}


@pytest.fixture(scope="module")
def hub(registry: Registry) -> Registry:
    """The registry that plays Docker Hub, with the images that these tests pull."""
    alpine = images.image(
        images.layer(
            {
                "etc/alpine-release": "3.10.9\n",
                "etc/passwd": "root:x:0:0::/root:/bin/sh\npostgres:x:70:70::/:/bin/sh\n",
                "etc/group": "root:x:0:\npostgres:x:70:\n",
                "var/opt/": "",
            }
        )
    )
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


def _run(daemon: Daemon, report: Path, files: Iterable[str]) -> str:
    """Run the tests in the environment that was made for them; return what pytest printed.

    docker-py loses output that it reads together with the head of an answer. So that it is there
    to read the head before an exec has begun to write, it goes before others on a busy machine.
    """
    command = ["nice", "-n", "-10", str(_HOME / "venv/bin/python")]
    command += ["-m", "pytest", "-q", "--tb=short"]
    command += ["-p", "no:cacheprovider", f"--junit-xml={report}", f"--basetemp={report}.tmp"]
    command += [f"tests/integration/{name}" for name in files]
    command += [f"--deselect=tests/integration/{name}" for name in _LEFT_OUT]
    settings = daemon.scratch / "docker"
    settings.mkdir()
    (settings / "config.json").write_text("{}")  # without it contexts go to the directory it is in
    environment = {
        "PATH": os.environ["PATH"],
        "DOCKER_CONFIG": str(settings),
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
@pytest.mark.parametrize("subject", _FILES)
def test_tests_of_docker_py(engine: Daemon, subject: str) -> None:
    report = engine.scratch / "report.xml"
    if subject != "images":  # those pull it themselves, and what they do not pull, these need
        status, said = engine.request("POST", "/images/create?fromImage=alpine&tag=latest")
        assert status == 200, said
    files = _FILES[subject]
    printed = _run(engine, report, files)
    passed = dict.fromkeys(files, 0)
    skipped = {}
    for case in _cases(report):
        skip = case.find("skipped")
        if skip is not None:
            skipped[case.attrib["name"]] = skip.attrib["message"]
        elif len(case) == 0:
            passed[_file_of(case)] += 1
    assert passed == files, printed
    assert skipped == _SKIPPED_BY_ITSELF.get(subject, {}), printed


def test_what_is_left_out_exists() -> None:
    """A name that no test has would leave out nothing, and its reason would be untrue."""
    for name in _LEFT_OUT:
        file, _, test = name.partition("::")
        text = (_HOME / "source/tests/integration" / file).read_text()
        assert f"def {test.rpartition('::')[2]}(" in text
