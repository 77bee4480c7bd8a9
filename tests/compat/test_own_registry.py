"""The registry of our own with clients that know nothing of it: docker, skopeo, curl."""

import json
import subprocess
from pathlib import Path

from boxship.entrypoints import base_image
from tests.support.cli import Cli
from tests.support.own_registry import OwnRegistry, password_file
from tests.support.registry import PASSWORD, USERNAME, push_image


def skopeo(*arguments: str, home: Path) -> str:
    """Run skopeo with success; return what it prints."""
    done = subprocess.run(
        ["skopeo", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        env={"HOME": str(home), "PATH": "/usr/bin:/bin", "XDG_RUNTIME_DIR": str(home)},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def curl(*arguments: str) -> str:
    """Run curl with success; return what it prints."""
    done = subprocess.run(
        ["curl", "-sSf", *arguments], capture_output=True, text=True, timeout=60, check=True
    )
    return done.stdout


def test_docker_pushes_and_pulls(docker: Cli, busybox: str, own_registry: OwnRegistry) -> None:
    name = f"{own_registry.host}/compat/docker:v1"
    docker("tag", busybox, name)
    pushed = docker("push", name)
    assert "digest: sha256:" in pushed
    digest = pushed.rpartition("digest: ")[2].split()[0]
    docker("rmi", name)
    assert f"Digest: {digest}" in docker("pull", name)
    assert docker("run", "--rm", "--network=none", name, "echo", "hello") == "hello"
    docker("rmi", name)


def test_docker_logs_in(docker: Cli, busybox: str, scratch: Path) -> None:
    registry = OwnRegistry(scratch, f"--auth=htpasswd:{password_file(scratch)}")
    registry.start()
    name = f"{registry.host}/compat/private:v1"
    docker("tag", busybox, name)
    try:
        refusal = docker.fails("push", name)
        assert "authentication required" in refusal or "no basic auth credentials" in refusal
        docker("login", "-u", USERNAME, "--password-stdin", registry.host, stdin=PASSWORD)
        assert "digest: sha256:" in docker("push", name)
        docker("logout", registry.host)
    finally:
        docker("rmi", name)
        registry.stop()


def test_skopeo_copies_in_and_out(own_registry: OwnRegistry, scratch: Path) -> None:
    """docker-archive → our registry → OCI layout → our registry: the digests agree."""
    archive = scratch / "image.tar"
    archive.write_bytes(base_image.docker_archive(base_image.busybox_image(), "busybox:latest"))
    first = f"docker://{own_registry.host}/compat/skopeo:one"
    second = f"docker://{own_registry.host}/compat/skopeo:two"
    layout = f"oci:{scratch / 'layout'}:latest"
    loopback = "--dest-tls-verify=false"
    anything = "--insecure-policy"
    skopeo(anything, "copy", loopback, f"docker-archive:{archive}", first, home=scratch)
    skopeo(anything, "copy", "--src-tls-verify=false", first, layout, home=scratch)
    skopeo(anything, "copy", loopback, layout, second, home=scratch)
    shown = [
        json.loads(skopeo("inspect", "--tls-verify=false", name, home=scratch))
        for name in (first, second)
    ]
    assert shown[0]["RepoTags"] == ["one", "two"]
    assert shown[0]["Layers"] == shown[1]["Layers"]
    index = json.loads((scratch / "layout/index.json").read_text())
    assert index["manifests"][0]["digest"] == shown[1]["Digest"]
    skopeo("delete", "--tls-verify=false", second, home=scratch)
    listed = skopeo("list-tags", "--tls-verify=false", first.rpartition(":")[0], home=scratch)
    assert json.loads(listed)["Tags"] == ["one"]


def test_digests_of_tags_by_curl(own_registry: OwnRegistry) -> None:
    """As docs/registry.md shows it."""
    push_image(own_registry, "compat/curl:v1")
    base = f"{own_registry.url}/v2/compat/curl"
    assert json.loads(curl(f"{base}/tags/list")) == {"name": "compat/curl", "tags": ["v1"]}
    head = curl("-I", f"{base}/manifests/v1")
    digest = next(
        line.split()[1]
        for line in head.splitlines()
        if line.lower().startswith("docker-content-digest:")
    )
    listing = f"{own_registry.url}/v2/_boxship/repositories/compat/curl/tags"
    assert [tag["digest"] for tag in json.loads(curl(listing))["results"]] == [digest]


def test_our_own_client(boxship: Cli, busybox: str, own_registry: OwnRegistry) -> None:
    name = f"{own_registry.host}/compat/boxship:v1"
    boxship("tag", busybox, name)
    boxship("push", name)
    boxship("rmi", name)
    boxship("pull", name)
    boxship("rmi", name)


def test_the_command_serves_and_collects(boxship: Cli, scratch: Path) -> None:
    said = boxship.fails("registry", "gc", "--root", str(scratch / "none"))
    assert "there is no registry in" in said
    root = scratch / "root"
    said = boxship.fails("registry", "serve", "--addr", "0.0.0.0:0", "--root", str(root))
    assert "--allow-insecure-http" in said


def test_docker_pulls_without_a_login(docker: Cli, busybox: str, scratch: Path) -> None:
    registry = OwnRegistry(scratch, f"--auth=htpasswd:{password_file(scratch)}", "--anonymous-pull")
    registry.start()
    name = f"{registry.host}/compat/public:v1"
    docker("tag", busybox, name)
    try:
        refusal = docker.fails("push", name)
        assert "insufficient_scope" in refusal or "authentication required" in refusal
        docker("login", "-u", USERNAME, "--password-stdin", registry.host, stdin=PASSWORD)
        digest = docker("push", name).rpartition("digest: ")[2].split()[0]
        docker("logout", registry.host)
        docker("rmi", name)
        assert f"Digest: {digest}" in docker("pull", name)
        skopeo(
            *("copy", "--src-tls-verify=false", f"docker://{name}", f"dir:{scratch / 'copied'}"),
            home=scratch,
        )
    finally:
        docker("rmi", name)
        registry.stop()
