"""Images of several platforms as stock clients and ours see them."""

import json
import re
from collections.abc import Iterator

import pytest

from boxship.oci.platform import host_platform
from tests.support.cli import Cli
from tests.support.daemon import Daemon
from tests.support.fixtures import docker_programs, docker_version
from tests.support.images import attestation_of, image, image_for
from tests.support.registry import Registry, push_index

HOST = host_platform().text
FOREIGN = "linux/s390x"
_ESCAPES = re.compile(r"\x1b\[[0-9;]*m")
_NEW = [program for program in docker_programs() if int(docker_version(program).split(".")[0]) > 27]
"""Clients that know platforms of inspect, rmi and the tree."""

new_docker = pytest.mark.parametrize("docker", _NEW, ids=docker_version, indirect=True)


@pytest.fixture
def multi(registry: Registry, daemon: Daemon) -> Iterator[str]:
    """The name of an index in the registry; what was pulled of it is removed."""
    made = {FOREIGN: image_for(FOREIGN), HOST: image()}
    name, _ = push_index(registry, "variants:1", made, {HOST: attestation_of(made[HOST])})
    yield name.familiar
    daemon.request("DELETE", f"/images/{name.familiar}?force=1")


def test_old_clients_see_one_image(docker: Cli, multi: str) -> None:
    docker("pull", "-q", multi)
    native = docker("images", "-q", "--no-trunc", multi)
    docker("pull", "-q", "--platform", FOREIGN, multi)
    assert docker("images", "-q", "--no-trunc", multi) == native
    repository = multi.rpartition(":")[0]
    shown = docker("images", "--digests", "--format", "{{.ID}} {{.Digest}}", repository)
    assert len(shown.splitlines()) == 1
    (document,) = json.loads(docker("image", "inspect", multi))
    assert document["Architecture"] == host_platform().architecture
    assert document["RepoDigests"][0].partition("@")[2] in shown
    assert docker("run", "--rm", multi, "echo", "hello") == "hello"
    removed = docker("rmi", multi).splitlines()
    assert removed[0] == f"Untagged: {multi}"
    assert f"Deleted: {native}" in removed


@new_docker
def test_platforms(docker: Cli, multi: str) -> None:
    docker("pull", "-q", multi)
    docker("pull", "-q", "--platform", FOREIGN, multi)
    architecture = ("image", "inspect", "-f", "{{.Architecture}}", multi)
    assert docker(*architecture) == host_platform().architecture
    assert docker(*architecture, "--platform", FOREIGN) == "s390x"
    wrong = docker.fails("image", "inspect", "--platform", "linux/mips", multi)
    assert "was found but does not provide the specified platform (linux/mips)" in wrong
    assert docker("history", "-q", "--no-trunc", "--platform", FOREIGN, multi).startswith("sha256:")
    assert "Deleted: sha256:" in docker("rmi", "--platform", FOREIGN, multi)
    assert "does not provide" in docker.fails("rmi", "--platform", FOREIGN, multi)
    assert docker(*architecture) == host_platform().architecture


@new_docker
def test_the_tree_is_the_same(docker: Cli, boxship: Cli, multi: str) -> None:
    docker("pull", "-q", "--platform", FOREIGN, multi)
    docker("pull", "-q", multi)
    docker("tag", multi, "short")
    container = docker("create", "short")
    drawn = boxship("images", "--tree")
    assert _ESCAPES.sub("", docker("images", "--tree")) == drawn
    assert [line.split()[-1] for line in drawn.splitlines() if f"─ {HOST}" in line] == ["U"]
    assert "short:latest" in drawn
    docker("rm", container)
    docker("rmi", "short")


@new_docker
def test_a_push_of_a_part_says_so(
    docker: Cli, boxship: Cli, daemon: Daemon, registry: Registry, multi: str
) -> None:
    docker("pull", "-q", multi)
    part = f"{registry.host}/variants-part:1"
    docker("tag", multi, part)
    container = docker("create", multi)
    note = _ESCAPES.sub("", docker("push", part)).partition(" Info -> ")[2]
    assert "only the available single-platform image was pushed" in note
    assert boxship("push", "-q", part).partition(" Info -> ")[2] == note
    (document,) = json.loads(docker("inspect", container))
    shown = document["ImageManifestDescriptor"]
    assert note.split()[-1] == shown["digest"]
    assert f"linux/{shown['platform']['architecture']}" == HOST
    status, rows = daemon.request("GET", "/v1.48/containers/json?all=1")
    listed = {row["Id"]: row.get("ImageManifestDescriptor") for row in rows}
    assert (status, listed[container]) == (200, shown)
    docker("rm", container)
    docker("rmi", part)


def test_our_own(boxship: Cli, multi: str) -> None:
    said = boxship("pull", "--platform", "all", multi).splitlines()
    assert said[-1] == multi
    assert f"Status: Downloaded newer image for {multi}" in said
    tree = boxship("images", "--tree", multi)
    assert f"├─ {FOREIGN}" in tree
    assert f"└─ {HOST}" in tree
    template = ("image", "inspect", "-f", "{{.Architecture}}")
    assert boxship(*template, "--platform", FOREIGN, multi) == "s390x"
    assert "--quiet is not yet supported with --tree" in boxship.fails("images", "--tree", "-q")
    assert "Deleted: " in boxship("rmi", "--platform", FOREIGN, multi)
    assert boxship(*template, multi) == host_platform().architecture


def test_a_platform_that_is_not_offered(docker: Cli, multi: str) -> None:
    said = docker.fails("pull", "--platform", "linux/mips", multi)
    assert "no matching manifest for linux/mips in the manifest list entries" in said
