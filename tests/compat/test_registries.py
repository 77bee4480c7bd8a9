"""Pushing and asking registries, with Boxship's command and the stock docker client."""

import json
import re
from collections.abc import Iterator
from urllib.parse import quote

import pytest

from tests.support.cli import Cli
from tests.support.daemon import Daemon
from tests.support.http import request
from tests.support.registry import IDENTITY_TOKEN, PASSWORD, USERNAME, Registry, TokenRegistry


@pytest.fixture
def made(docker: Cli, busybox: str, registry: Registry) -> Iterator[str]:
    """An image of one's own, with a layer on top of busybox; its name."""
    name = f"{registry.host}/team/made:v1"
    docker("run", "--name", "maker", busybox, "touch", "/made")
    docker("commit", "maker", name)
    docker("rm", "maker")
    yield name
    docker.run("rmi", "-f", name)


def test_push_says_what_docker_says(docker: Cli, made: str) -> None:
    said = docker("push", made).splitlines()
    repository = made.rpartition(":")[0]
    assert said[0] == f"The push refers to repository [{repository}]"
    assert {line.partition(": ")[2] for line in said[1:-1]} >= {"Preparing", "Pushed"}
    assert said[-1].startswith("v1: digest: sha256:")
    again = docker("push", made).splitlines()
    assert {line.partition(": ")[2] for line in again[1:-1]} == {
        "Preparing",
        "Layer already exists",
    }
    assert again[-1] == said[-1]
    digest = said[-1].split()[2]
    (image,) = json.loads(docker("image", "inspect", made))
    assert f"{repository}@{digest}" in image["RepoDigests"]


def test_both_commands_push_the_same(docker: Cli, boxship: Cli, made: str) -> None:
    assert docker("push", made).splitlines()[-1] == boxship("push", made).splitlines()[-1]
    assert boxship("push", "-q", made) == made


def test_names_that_are_not_here(boxship: Cli, docker: Cli) -> None:
    for cli in (boxship, docker):
        assert "An image does not exist locally with the tag: nosuch" in cli.fails("push", "nosuch")


def test_all_tags(docker: Cli, made: str) -> None:
    repository = made.rpartition(":")[0]
    docker("tag", made, f"{repository}:v2")
    said = docker("push", "-a", repository)
    docker("rmi", f"{repository}:v2")
    assert [f"{tag}: digest: " in said for tag in ("v1", "v2")] == [True, True]


def test_a_manifest_list(docker: Cli, boxship: Cli, made: str) -> None:
    repository = made.rpartition(":")[0]
    boxship("push", "-q", made)
    target = f"{repository}:list"
    assert boxship("manifest", "create", target, made) == f"Created manifest list {target}"
    assert "no --amend flag" in boxship.fails("manifest", "create", target, made)
    assert "unsupported os/arch combination: linux/sun" in boxship.fails(
        "manifest", "annotate", "--arch", "sun", target, made
    )
    boxship("manifest", "annotate", "--arch", "arm", "--variant", "v7", target, made)
    shown = json.loads(boxship("manifest", "inspect", target))
    assert shown["manifests"][0]["platform"] == {
        "architecture": "arm",
        "os": "linux",
        "variant": "v7",
    }
    digest = boxship("manifest", "push", "-p", target)
    assert digest.startswith("sha256:")
    assert "No such manifest" in boxship.fails("manifest", "rm", target)
    verbose = boxship("manifest", "inspect", "-v", made)
    assert json.loads(verbose)["Ref"] == made
    if "version 20." in docker("--version"):
        return  # it knows no OCI manifests
    assert boxship("manifest", "inspect", target) == docker(
        "manifest", "inspect", "--insecure", target
    )
    assert verbose == docker("manifest", "inspect", "-v", "--insecure", made)


def test_manifests_that_are_not_there(boxship: Cli, registry: Registry) -> None:
    name = f"{registry.host}/nothing:1"
    for words in (("inspect",), ("create", "x")):
        assert boxship.fails("manifest", *words, name).strip() == f"no such manifest: {name}"
    assert "No such manifest" in boxship.fails("manifest", "push", name)


def test_imagetools(boxship: Cli, made: str, registry: Registry) -> None:
    boxship("push", "-q", made)
    target = f"{registry.host}/other/combined:1"
    boxship("buildx", "imagetools", "create", "-t", target, "--annotation", "index:k=v", made)
    raw = json.loads(boxship("buildx", "imagetools", "inspect", "--raw", target))
    assert raw["annotations"] == {"k": "v"}
    (entry,) = raw["manifests"]
    assert entry["platform"]["os"] == "linux"
    text = boxship("buildx", "imagetools", "inspect", target).splitlines()
    assert text[0] == f"Name:      {target}"
    assert text[4].rstrip() == "Manifests:"
    assert text[5] == f"  Name:      {target}@{entry['digest']}"
    digest = boxship("buildx", "imagetools", "inspect", "--format", "{{.Manifest.Digest}}", target)
    assert text[2] == f"Digest:    {digest}"
    image = json.loads(
        boxship("buildx", "imagetools", "inspect", "--format", "{{json .Image}}", target)
    )
    assert image["rootfs"]["type"] == "layers"
    copy = f"{registry.host}/other/copy:1"
    progress = boxship.run("buildx", "imagetools", "create", "-t", copy, "-t", target, target)
    untimed = re.sub(r"(?m)^(#\d+) \d\.\d{3} ", r"\1 T ", progress.stderr)
    assert re.sub(r"(?m)DONE \d+\.\ds$", "DONE Ts", untimed).splitlines() == [
        f"#1 [internal] pushing {copy}",
        f"#1 T copying {digest} from {target} to {copy}",
        f"#1 T pushing {digest} to {copy}",
        "#1 DONE Ts",
        "",
        f"#2 [internal] pushing {target}",
        f"#2 T pushing {digest} to {target}",
        "#2 DONE Ts",
    ]
    copied = boxship("buildx", "imagetools", "inspect", "--format", "{{.Manifest.Digest}}", copy)
    assert copied == digest
    by_digest = ("--prefer-index=false", "-t", f"{copy}2", "--progress", "none", digest)
    assert boxship.run("buildx", "imagetools", "create", *by_digest).stderr == ""
    assert "invalid progress mode 'odd'" in boxship.fails(
        "buildx", "imagetools", "create", "-t", copy, "--progress", "odd", target
    )
    shown = boxship.fails(
        "buildx", "imagetools", "create", "--dry-run", "--platform", "linux/s390x", target
    )
    assert shown.strip() == "none of the sources is for linux/s390x"
    assert "no sources specified" in boxship.fails("buildx", "imagetools", "create", "-t", copy)


def test_search(boxship: Cli, docker: Cli, made: str, registry: Registry) -> None:
    boxship("push", "-q", made)
    for cli in (boxship, docker):
        shown = cli("search", "--format", "{{.Name}} {{.StarCount}}", f"{registry.host}/team/m")
        assert shown == f"{registry.host}/team/made 0"
    assert boxship("search", f"{registry.host}/team/m").split()[:4] == [
        "NAME",
        "DESCRIPTION",
        "STARS",
        "OFFICIAL",
    ]
    assert "outside the range of [1, 100]" in boxship.fails("search", "--limit", "500", "x")
    assert "invalid filter 'odd'" in boxship.fails("search", "-f", "odd=1", "x")


def test_help_of_groups_within_groups(boxship: Cli) -> None:
    assert "create" in boxship("buildx", "imagetools")
    assert "imagetools inspect" in boxship("buildx", "--help")


def test_attestations_by_http(daemon: Daemon, made: str) -> None:
    path = f"/v1.51/images/{made}/attestations"
    assert request(daemon.socket, "GET", f"{path}?type=a,b&statement=1") == (200, [])
    two = quote('{"os":"linux","architecture":"amd64"}')
    status, answer = request(daemon.socket, "GET", f"{path}?platform={two}&platform={two}")
    assert (status, answer["message"]) == (400, "only one platform value is currently supported")
    assert request(daemon.socket, "GET", "/v1.51/images/nosuch/attestations")[0] == 404


def test_distribution_by_http(daemon: Daemon, boxship: Cli, made: str) -> None:
    boxship("push", "-q", made)
    status, answer = request(daemon.socket, "GET", f"/v1.51/distribution/{made}/json")
    assert status == 200
    assert answer["Descriptor"]["digest"].startswith("sha256:")
    (platform,) = answer["Platforms"]
    assert platform["os"] == "linux"
    missing = made.replace("made", "missing")
    assert request(daemon.socket, "GET", f"/v1.51/distribution/{missing}/json")[0] == 404


@pytest.mark.parametrize("program", ["boxship", "docker"])
def test_an_identity_token_takes_the_passwords_place(
    program: str, boxship: Cli, docker: Cli, busybox: str, registry_token: TokenRegistry
) -> None:
    cli = {"boxship": boxship, "docker": docker}[program]
    registry_token.tokens.identity_tokens = True
    host = registry_token.host
    said = cli("login", "-u", USERNAME, "--password-stdin", host, stdin=PASSWORD)
    assert said.splitlines()[-1] == "Login Succeeded"
    name = f"{host}/private/{program}:1"
    cli("tag", busybox, name)
    registry_token.tokens.requests.clear()
    cli("push", name)
    (asked,) = registry_token.tokens.requests
    assert asked["grant_type"] == ["refresh_token"]
    assert asked["refresh_token"] == [IDENTITY_TOKEN]
    cli("rmi", name)
    assert f"Removing login credentials for {host}" in cli("logout", host)
