"""The images of the walkthroughs, as the registries of the world outside hold them."""

import json
from collections.abc import Mapping
from dataclasses import replace

from msgspec.structs import replace as changed

from boxship.entrypoints import base_image
from boxship.oci import image as image_documents
from boxship.oci import media_types
from boxship.oci.image import ExecutionConfig, History
from boxship.oci.platform import host_platform
from boxship.reference import Reference, parse_normalized
from tests.support import images
from tests.support.registry import Registry, push_image

HOST = host_platform().text
PLATFORMS = (
    "linux/amd64",
    "linux/arm/v6",
    "linux/arm/v7",
    "linux/arm64/v8",
    "linux/386",
    "linux/ppc64le",
    "linux/riscv64",
    "linux/s390x",
)
WINDOWS = "10.0.20348.2762"
GO_VERSION = f"go version go1.23.1 {HOST}"
_CREATED = "2024-05-01T10:00:00Z"
_BUILDKIT = "buildkit.dockerfile.v0"
NODE_HISTORY = [
    History(created=_CREATED, created_by="/bin/sh -c #(nop) ADD file:base in /"),
    History(created=_CREATED, created_by='/bin/sh -c #(nop)  CMD ["sh"]', empty_layer=True),
    History(created=_CREATED, created_by="RUN /bin/sh -c groupadd node", comment=_BUILDKIT),
    History(
        created=_CREATED, created_by="ENV NODE_VERSION=20.9.0", comment=_BUILDKIT, empty_layer=True
    ),
    History(created=_CREATED, created_by="RUN /bin/sh -c install node", comment=_BUILDKIT),
    History(created=_CREATED, created_by="RUN /bin/sh -c install yarn", comment=_BUILDKIT),
    History(created=_CREATED, created_by="COPY docker-entrypoint.sh /", comment=_BUILDKIT),
]


def redis(version: str) -> base_image.Image:
    """redis: two layers above the base."""
    return images.image(
        images.layer({"usr/lib/libredis.so": "library\n"}),
        images.layer({"usr/bin/redis-server": f"#!/bin/sh\necho redis {version}\n"}),
    )


def node() -> base_image.Image:
    """node: five layers; the later ones replace and remove what earlier ones brought."""
    made = images.image(
        images.layer({"etc/node.conf": "first\n", "etc/gone.conf": "old\n"}),
        images.layer({"usr/bin/node": "#!/bin/sh\necho v20.9.0\n", "etc/node.conf": "second\n"}),
        images.layer({"etc/.wh.gone.conf": ""}),
        images.layer({"docker-entrypoint.sh": '#!/bin/sh\nexec "$@"\n'}),
        config=ExecutionConfig(
            env=[base_image.PATH, "NODE_VERSION=20.9.0"],
            entrypoint=["/docker-entrypoint.sh"],
            cmd=["node"],
        ),
    )
    return with_history(made, NODE_HISTORY)


def golang() -> dict[str, base_image.Image]:
    """golang, by platform; the host's prints its version."""
    members = {name: images.image_for(name) for name in ("linux/s390x", "windows/amd64")}
    tool = images.layer({"usr/local/bin/go": f"#!/bin/sh\necho {GO_VERSION}\n"})
    return {HOST: images.image(tool), **members}


def alpine() -> dict[str, base_image.Image]:
    """alpine, by platform."""
    foreign = {name: images.image_for(name) for name in PLATFORMS if name != HOST}
    return {HOST: images.image(images.layer({"etc/alpine-release": "3.20.0\n"})), **foreign}


def with_history(made: base_image.Image, steps: list[History]) -> base_image.Image:
    """The image with another history."""
    old = made.blobs[made.config_digest]
    new = image_documents.encode(changed(image_documents.decode(old), history=steps))
    digest = base_image.digest_of(new)
    manifest = json.loads(made.manifest)
    manifest["config"] |= {"digest": digest, "size": len(new)}
    blobs = {name: blob for name, blob in made.blobs.items() if name != made.config_digest}
    return replace(
        made,
        manifest=json.dumps(manifest).encode(),
        blobs={**blobs, digest: new},
        config_digest=digest,
    )


def artifact(config_type: str, layer_type: str, content: bytes) -> base_image.Image:
    """What is no image: a manifest with one layer of any type."""
    config = b"{}"
    manifest = {
        "schemaVersion": 2,
        "mediaType": media_types.OCI_MANIFEST,
        "config": _described(config_type, config),
        "layers": [_described(layer_type, content)],
    }
    return base_image.Image(
        manifest=json.dumps(manifest).encode(),
        media_type=media_types.OCI_MANIFEST,
        blobs={base_image.digest_of(data): data for data in (config, content)},
        config_digest=base_image.digest_of(config),
        layer_digests=(base_image.digest_of(content),),
    )


def _described(media_type: str, data: bytes) -> dict[str, object]:
    return {"mediaType": media_type, "digest": base_image.digest_of(data), "size": len(data)}


def as_docker(made: base_image.Image) -> base_image.Image:
    """The image with Docker's media types, which old clients want."""
    text = made.manifest.decode()
    for oci, docker in (
        (media_types.OCI_MANIFEST, media_types.DOCKER_MANIFEST),
        (media_types.OCI_CONFIG, media_types.DOCKER_CONFIG),
        (media_types.OCI_LAYER_GZIP, media_types.DOCKER_LAYER_GZIP),
    ):
        text = text.replace(f'"{oci}"', f'"{docker}"')
    return replace(made, manifest=text.encode(), media_type=media_types.DOCKER_MANIFEST)


def push_list(registry: Registry, name: str, members: Mapping[str, base_image.Image]) -> str:
    """Push images by platform and their Docker manifest list, Windows with its version."""
    repository = parse_normalized(f"{registry.host}/{name}")
    typed = {platform: as_docker(made) for platform, made in members.items()}
    for made in typed.values():
        base_image.push(made, Reference(repository.domain, repository.path, None, made.digest))
    index = images.image_index(typed, docker=True)
    document = json.loads(index.manifest)
    for platform, entry in zip(typed, document["manifests"], strict=True):
        if entry["platform"]["os"] == "windows":
            entry["platform"]["os.version"] = WINDOWS
        if platform.endswith("/v8"):
            entry["platform"]["variant"] = "v8"
    whole = replace(index, manifest=json.dumps(document, indent=3).encode())
    push_image(registry, name, whole)
    return whole.digest


def fill_hub(registry: Registry) -> None:
    """What the walkthroughs pull from Docker Hub."""
    push_image(registry, "library/redis:latest", redis("7.2"))
    push_image(registry, "library/redis:7", redis("7.2"))
    push_image(registry, "library/redis:6", redis("6.0"))
    push_image(registry, "library/node:latest", node())
    push_list(registry, "library/alpine:latest", alpine())
    push_list(registry, "library/golang:latest", golang())
    push_list(registry, "nigelpoulton/k8sbook:latest", golang())
    push_image(registry, "nigelpoulton/tu-demo:v2", images.image(images.layer({"v": "2\n"})))


def fill_github(registry: Registry) -> None:
    """What the walkthroughs pull from ghcr.io."""
    push_image(registry, "regclient/regsync:latest", images.image(images.layer({"regsync": ""})))
    push_list(registry, "regclient/regctl:latest", golang())
