"""Images: names, registries, layers, digests, architectures, and away with them.

Docker Hub and ghcr.io are registries of the run's own, under their own names.
"""

import gzip
import hashlib
import json
import re
import subprocess
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from tests.book import material
from tests.book.conftest import ClientProgram
from tests.support import images, internet
from tests.support.certs import Authority
from tests.support.cli import Cli
from tests.support.daemon import Daemon
from tests.support.fixtures import StartDaemon
from tests.support.own_registry import OwnRegistry
from tests.support.registry import Registry, push_image

_NUMBERS = count(1)
_DIGEST = r"sha256:[0-9a-f]{64}"
_TU_DEMO = "nigelpoulton/tu-demo:v2"
_REGSYNC = "ghcr.io/regclient/regsync:latest"


@pytest.fixture(scope="module")
def world(scratch_root: Path, authority: Authority) -> Iterator[dict[str, str]]:
    """Docker Hub and ghcr.io, to be reached by their names; the environment that trusts them."""
    hub = internet.PublicRegistry(scratch_root / "hub", internet.DOCKER_HUB, "127.0.0.2")
    github = internet.PublicRegistry(scratch_root / "ghcr", "ghcr.io", "127.0.0.3")
    registries = {hub: material.fill_hub, github: material.fill_github}
    addresses = {registry.name: registry.address for registry in registries}
    with internet.names(scratch_root, addresses):
        for registry, fill in registries.items():
            registry.start()
            fill(registry)
            registry.open(authority)
        yield {"SSL_CERT_FILE": str(authority.root.cert_path)}
        for registry in registries:
            registry.stop()


@pytest.fixture(scope="module")
def daemon(scratch_root: Path, world: dict[str, str]) -> Iterator[Daemon]:
    """A daemon without mirrors, for which that world is the world."""
    daemon = Daemon(scratch_root / f"book{next(_NUMBERS)}", env=world)
    daemon.start()
    yield daemon
    daemon.destroy()


@pytest.fixture(scope="module")
def cli(client_program: ClientProgram, daemon: Daemon, world: dict[str, str]) -> Cli:
    """The command, in that world too: some commands ask registries themselves."""
    cli = client_program(daemon)
    cli.env |= world
    return cli


@pytest.fixture(autouse=True)
def _no_images_left(daemon: Daemon, _no_containers_left: None) -> Iterator[None]:
    """Each walkthrough begins with an engine that has no images."""
    yield
    for container in daemon.get("/containers/json?all=1"):
        daemon.request("DELETE", f"/containers/{container['Id']}?force=1&v=1")
    for image in daemon.get("/images/json"):
        daemon.request("DELETE", f"/images/{image['Id']}?force=1")


def _shell(cli: Cli, line: str) -> str:
    """Type a line as the walkthroughs have it; ``docker`` is the client under test."""
    script = f'docker() {{ "{cli.program[0]}" "$@"; }}\n{line}\n'
    done = subprocess.run(["sh", "-c", script], env=cli.env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.removesuffix("\n")


def _hash(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def _rows(text: str) -> list[list[str]]:
    """A table's rows below its header, in words that two spaces or more part."""
    return [re.split(r" {2,}", line.strip()) for line in text.splitlines()[1:]]


def _inspect(cli: Cli, name: str) -> dict[str, object]:
    document: dict[str, object] = json.loads(cli("inspect", name))[0]
    return document


def test_pull_by_the_shortest_name(cli: Cli) -> None:
    """S044 S046: the default tag, progress by layer, digest, status, the full name."""
    out = cli("pull", "redis").splitlines()
    assert out[:2] == ["Using default tag: latest", "latest: Pulling from library/redis"]
    layers = [line.split(": ", 1) for line in out[2:-3]]
    for words in ("Pulling fs layer", "Verifying Checksum", "Download complete", "Pull complete"):
        assert len({layer for layer, said in layers if said == words}) == 3, words
    assert all(re.fullmatch(r"[0-9a-f]{12}", layer) for layer, _ in layers)
    assert re.fullmatch(f"Digest: {_DIGEST}", out[-3])
    assert out[-2:] == [
        "Status: Downloaded newer image for redis:latest",
        "docker.io/library/redis:latest",
    ]
    assert "Status: Image is up to date for redis:latest" in cli("pull", "redis")


def test_every_word_of_progress(daemon: Daemon, registry: Registry) -> None:
    """S046: the words that only terminals show: Waiting, Downloading, Extracting."""
    data = b"".join(number.to_bytes(4) for number in range(500_000))
    many = [images.layer({f"data{number}": bytes([number]) + data}) for number in range(5)]
    name = push_image(registry, "walk/big:v1", images.image(*many))
    status, body = daemon.request("POST", f"/images/create?fromImage={name.familiar_name}&tag=v1")
    assert status == 200
    lines = body.decode()
    for words in ("Pulling fs layer", "Waiting", "Downloading", "Extracting", "Pull complete"):
        assert f'"{words}"' in lines


def test_shared_layers_are_here_already(cli: Cli) -> None:
    """S045: a layer on the disk is not downloaded again."""
    cli("pull", "redis")
    out = cli("pull", _TU_DEMO)
    assert out.count("Already exists") == 1
    assert out.count("Pull complete") == 1


def test_an_image_in_use_stays(cli: Cli) -> None:
    """S047: one image, many containers; it stays while one of them, even a stopped one, uses it."""
    cli("pull", "redis")
    running = cli("run", "-d", "--init", "redis", "sleep", "900")
    stopped = cli("create", "redis", "true")
    told = cli.fails("rmi", "redis")
    assert "conflict: unable to remove repository reference" in told
    assert running[:12] in told or stopped[:12] in told
    cli("rm", "-f", running)
    assert stopped[:12] in cli.fails("rmi", "redis")
    cli("rm", stopped)
    assert "Untagged: redis:latest" in cli("rmi", "redis")


def test_names_lead_to_registries(cli: Cli, registry: Registry) -> None:
    """S048 S049 S050: official and other repositories, third parties, one's own registry."""
    own = str(push_image(registry, "team/app:v1"))
    for name, repository, full in (
        ("redis:latest", "library/redis", "docker.io/library/redis:latest"),
        (_TU_DEMO, "nigelpoulton/tu-demo", f"docker.io/{_TU_DEMO}"),
        (_REGSYNC, "regclient/regsync", _REGSYNC),
        (own, "team/app", own),
    ):
        out = cli("pull", name).splitlines()
        assert out[0] == f"{name.rpartition(':')[2]}: Pulling from {repository}"
        assert out[-1] == full
    assert cli("images", "--format", "{{.Repository}}").splitlines().count("redis") == 1
    assert "nigelpoulton/nothing:v1 not found" in cli.fails("pull", "nigelpoulton/nothing:v1")


def test_another_default_registry(
    client_program: ClientProgram, start_daemon: StartDaemon, registry: Registry
) -> None:
    """S048: what is asked first for names without a registry is configured."""
    cli = client_program(start_daemon(config={"registry-mirrors": [registry.url]}))
    assert f"{registry.url}/" in cli("info")
    assert "Pulling from library/busybox" in cli("pull", "busybox")


def test_several_tags_of_one_image(cli: Cli) -> None:
    """S051: a row for each tag, with the same ID."""
    cli("pull", "redis:latest")
    cli("pull", "redis:7")
    cli("pull", "redis:6")
    ids = {row[1]: row[2] for row in _rows(cli("images", "redis"))}
    assert ids["latest"] == ids["7"] != ids["6"]


def test_latest_is_only_a_tag(cli: Cli, registry: Registry) -> None:
    """S052: latest is what somebody pushed by that name; a pull takes what it is now."""
    old, new = (images.image(images.layer({"v": text})) for text in ("old", "new"))
    newest = str(push_image(registry, "walk/tool:v2", new))
    name = str(push_image(registry, "walk/tool:latest", old))
    cli("pull", name)
    cli("pull", newest)
    assert cli("run", "--rm", name, "cat", "/v") == "old"
    assert cli("run", "--rm", newest, "cat", "/v") == "new"
    assert "Image is up to date" in cli("pull", name)
    push_image(registry, "walk/tool:latest", new)
    assert f"Downloaded newer image for {name}" in cli("pull", name)
    assert cli("run", "--rm", name, "cat", "/v") == "new"
    assert cli("images", "-q", "--filter", "dangling=true") != ""


def test_five_layers(cli: Cli) -> None:
    """S053 S054: five layers are pulled; inspect shows them."""
    assert cli("pull", "node:latest").count("Pull complete") == 5
    image = json.loads(cli("inspect", "node:latest"))
    assert len(image) == 1
    assert re.fullmatch(_DIGEST, image[0]["Id"])
    assert image[0]["RepoTags"] == ["node:latest"]
    assert re.fullmatch(f"node@{_DIGEST}", image[0]["RepoDigests"][0])
    assert image[0]["RootFS"]["Type"] == "layers"
    assert len(image[0]["RootFS"]["Layers"]) == 5
    assert "NODE_VERSION=20.9.0" in image[0]["Config"]["Env"]


def test_how_an_image_was_built(cli: Cli) -> None:
    """S055 S056: history has steps that made no layer; only the last has an ID."""
    cli("pull", "node")
    header, *lines = cli("history", "node").splitlines()
    assert header.split() == ["IMAGE", "CREATED", "CREATED", "BY", "SIZE", "COMMENT"]
    rows = [re.split(r" {2,}", line.strip()) for line in lines]
    assert len(rows) == 7
    assert re.fullmatch(r"[0-9a-f]{12}", rows[0][0])
    assert {row[0] for row in rows[1:]} == {"<missing>"}
    assert [row[3] for row in rows].count("0B") >= 2
    assert rows[0][4] == "buildkit.dockerfile.v0"
    assert "ENV NODE_VERSION=20.9.0" in cli("history", "--no-trunc", "node")


def test_layers_make_one_view(cli: Cli) -> None:
    """S057: a later layer's file wins, a removed one is gone."""
    cli("pull", "node")
    script = "cat /etc/node.conf; test -e /etc/gone.conf || echo gone; node"
    assert cli("run", "--rm", "node", "sh", "-c", script) == "second\ngone\nv20.9.0"


@pytest.mark.parametrize("driver", ["overlay2", "vfs"])
def test_storage_drivers(
    client_program: ClientProgram, start_daemon: StartDaemon, driver: str
) -> None:
    """S058: overlay2 is what one gets; --storage-driver chooses."""
    args = () if driver == "overlay2" else (f"--storage-driver={driver}",)
    cli = client_program(start_daemon(args=args))
    assert f"Storage Driver: {driver}" in cli("info")
    assert cli("run", "--rm", "busybox", "echo", "layers") == "layers"


def test_registries_share_layers_too(cli: Cli, registry: Registry) -> None:
    """S059: a push sends no layer that the registry has."""
    cli("pull", _TU_DEMO)
    names = [f"{registry.host}/walk/{next(_NUMBERS)}-{part}:v1" for part in ("one", "two")]
    for name in names:
        cli("tag", _TU_DEMO, name)
    assert "v1: digest: sha256:" in cli("push", names[0])
    assert cli("push", names[0]).count("Layer already exists") == 2
    repository = names[0].removeprefix(f"{registry.host}/").removesuffix(":v1")
    assert cli("push", names[1]).count(f"Mounted from {repository}") == 2


def test_digests_in_the_list(cli: Cli) -> None:
    """S060: one more column."""
    cli("pull", "alpine")
    header, row = cli("images", "--digests", "alpine").splitlines()
    assert header.split()[:4] == ["REPOSITORY", "TAG", "DIGEST", "IMAGE"]
    assert re.match(rf"alpine +latest +{_DIGEST} +[0-9a-f]{{12}} ", row)


def test_pull_by_digest(cli: Cli) -> None:
    """S062: exactly that image, or none."""
    cli("pull", "redis")
    digest = cli("inspect", "-f", "{{index .RepoDigests 0}}", "redis")
    cli("rmi", "redis")
    out = cli("pull", digest)
    assert f"Digest: {digest.partition('@')[2]}" in out
    assert cli("run", "--rm", digest, "redis-server") == "redis 7.2"
    wrong = f"redis@sha256:{'0' * 64}"
    assert f"manifest for {wrong} not found" in cli.fails("pull", wrong)


def test_look_at_a_registry_without_pulling(boxship: Cli) -> None:
    """S061 S066: imagetools shows a name, a media type, a digest, and each platform."""
    out = boxship("buildx", "imagetools", "inspect", "nigelpoulton/k8sbook:latest").splitlines()
    assert re.fullmatch(r"Name: +docker.io/nigelpoulton/k8sbook:latest", out[0])
    assert re.fullmatch(r"MediaType: +application/\S+", out[1])
    assert re.fullmatch(f"Digest: +{_DIGEST}", out[2])
    out = boxship("buildx", "imagetools", "inspect", "alpine").splitlines()
    assert re.findall(r"Platform: +(\S+)", "\n".join(out)) == [
        material.HOST,
        *(name for name in material.PLATFORMS if name != material.HOST),
    ]
    names = [
        line for line in out if re.match(rf" +Name: +docker.io/library/alpine.*@{_DIGEST}", line)
    ]
    assert len(names) == len(material.PLATFORMS)
    assert boxship("images", "-aq") == ""


def test_digest_of_a_tag_by_http(cli: Cli, own_registry: OwnRegistry) -> None:
    """S063: the registry's own API says a tag's digest: curl and jq."""
    cli("pull", _TU_DEMO)
    repository = f"walk/{next(_NUMBERS)}"
    cli("tag", _TU_DEMO, f"{own_registry.host}/{repository}:v2")
    pushed = cli("push", f"{own_registry.host}/{repository}:v2")
    url = f"{own_registry.url}/v2/_boxship/repositories/{repository}/tags"
    digest = _shell(cli, f'curl -s {url} | jq -r \'."results"[0]."digest"\'')
    assert f"v2: digest: {digest} " in pushed


def test_digests_are_hashes(cli: Cli, registry: Registry) -> None:
    """S064 S065: of the manifest, of compressed layers, of their content; a lie is found out."""
    made = images.image(images.layer({"file": "content\n"}))
    name = str(push_image(registry, f"walk/{next(_NUMBERS)}:v1", made))
    cli("pull", name)
    image = json.loads(cli("inspect", name))[0]
    assert image["RepoDigests"] == [f"{name.removesuffix(':v1')}@{_hash(made.manifest)}"]
    manifest = json.loads(made.manifest)
    assert image["Id"] in (manifest["config"]["digest"], _hash(made.manifest))
    packed = [made.blobs[layer["digest"]] for layer in manifest["layers"]]
    assert [_hash(data) for data in packed] == [layer["digest"] for layer in manifest["layers"]]
    assert image["RootFS"]["Layers"] == [_hash(gzip.decompress(data)) for data in packed]
    lie = images.image(images.layer({"file": f"lie {next(_NUMBERS)}\n"}))
    name = str(push_image(registry, f"walk/{next(_NUMBERS)}:lie", lie))
    blob = registry.blob_path(lie.layer_digests[1])
    blob.write_bytes(bytes(blob.stat().st_size))
    assert re.search("(?i)digest|verif|does not match", cli.fails("pull", name))
    assert name not in cli("images")


def test_architectures_of_golang(cli: Cli) -> None:
    """S067: of each entry the architecture and the system, Windows with its version."""
    out = _shell(cli, r"docker manifest inspect golang | grep 'architecture\|os'")
    words = [line.strip().rstrip(",") for line in out.splitlines()]
    assert words == [
        f'"architecture": "{material.HOST.partition("/")[2]}"',
        '"os": "linux"',
        '"architecture": "s390x"',
        '"os": "linux"',
        '"architecture": "amd64"',
        '"os": "windows"',
        f'"os.version": "{material.WINDOWS}"',
    ]


def test_manifests_of_any_registry(cli: Cli) -> None:
    """S068: not only Docker Hub's."""
    document = json.loads(cli("manifest", "inspect", "ghcr.io/regclient/regctl"))
    systems = {entry["platform"]["os"] for entry in document["manifests"]}
    assert systems == {"linux", "windows"}


@pytest.mark.parametrize(
    ("artifact", "layer"),
    [
        ("application/vnd.cncf.helm.config.v1+json", "application/vnd.cncf.helm.chart.content"),
        ("application/spdx+json", "application/spdx+json"),
        ("application/vnd.wasm.config.v0+json", "application/wasm"),
    ],
)
def test_registries_hold_more_than_images(
    cli: Cli, boxship: Cli, own_registry: OwnRegistry, artifact: str, layer: str
) -> None:
    """S080: charts, bills of materials, Wasm modules: any type; pulling one says what it is."""
    made = material.artifact(artifact, layer, b"content of any kind")
    name = str(push_image(own_registry, f"walk/{next(_NUMBERS)}:v1", made))
    document = json.loads(boxship("manifest", "inspect", name))
    assert document["config"]["mediaType"] == artifact
    assert document["layers"][0]["mediaType"] == layer
    assert re.search("(?i)unsupported|not an image|cannot", cli.fails("pull", name))


def test_which_image_is_chosen(cli: Cli) -> None:
    """S069: of a list, the host's image is pulled."""
    cli("pull", "alpine")
    wanted = material.HOST
    assert cli("inspect", "-f", "{{.Os}}/{{.Architecture}}", "alpine") == wanted
    assert cli("run", "--rm", "alpine", "cat", "/etc/alpine-release") == "3.20.0"


def test_go_version(cli: Cli) -> None:
    """S070: the host's variant runs, and leaves no container behind."""
    assert _shell(cli, "docker run --rm golang go version") == material.GO_VERSION
    assert cli("ps", "-aq") == ""


def test_remove_by_name_short_id_and_digest(cli: Cli) -> None:
    """S075: several at once."""
    cli("pull", "redis:latest")
    cli("pull", "node")
    cli("pull", _TU_DEMO)
    short = cli("images", "-q", "node")
    whole = cli("images", "-q", "--no-trunc", _TU_DEMO)
    out = cli("rmi", "redis:latest", short, whole)
    for name in ("redis:latest", "node:latest", _TU_DEMO):
        assert f"Untagged: {name}" in out
    assert len(re.findall(rf"^Untagged: \S+@{_DIGEST}$", out, re.MULTILINE)) == 3
    assert f"Deleted: {whole}" in out
    assert cli("images", "-q") == ""


def test_shared_layers_go_with_the_last_image(cli: Cli) -> None:
    """S076: a layer stays while an image has it."""
    cli("pull", "redis:7")
    cli("pull", "redis:6")
    first = cli("rmi", "redis:6")
    assert cli("run", "--rm", "redis:7", "redis-server") == "redis 7.2"
    last = cli("rmi", "redis:7")
    assert first.count("Deleted: ") < last.count("Deleted: ")


def test_away_with_everything(cli: Cli) -> None:
    """S077 S078: images -q prints IDs, which rmi takes."""
    cli("pull", "redis")
    cli("pull", _TU_DEMO)
    cli("run", "redis", "true")
    ids = _shell(cli, "docker images -q").splitlines()
    assert len(ids) == 2
    assert all(re.fullmatch(r"[0-9a-f]{12}", text) for text in ids)
    out = _shell(cli, "docker rmi $(docker images -q) -f")
    assert out.count("Untagged: ") == 4
    assert cli("images", "-q") == ""


def test_what_is_here_needs_no_registry(cli: Cli, scratch: Path) -> None:
    """S079: images on this host are used while their registry is away."""
    registry = Registry(scratch / "away")
    registry.start()
    name = str(push_image(registry, "cached:v1"))
    cli("pull", name)
    registry.stop()
    assert cli("run", "--rm", name, "echo", "works") == "works"
    assert "connection refused" in cli.fails("pull", name).lower()
