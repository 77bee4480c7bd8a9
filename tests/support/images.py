"""Small images for tests, made in memory."""

import dataclasses
import gzip
import io
import tarfile
from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from boxship.entrypoints import base_image
from boxship.oci import manifest as manifests
from boxship.oci import media_types
from boxship.oci.descriptor import Descriptor
from boxship.oci.image import ExecutionConfig, ImageConfig, RootFs
from boxship.oci.image import encode as encode_config
from boxship.oci.manifest import Index, Manifest
from boxship.oci.platform import Platform, parse_platform

Content = str | bytes | tarfile.TarInfo


def layer(files: Mapping[str, Content]) -> bytes:
    """An uncompressed layer: path to text, bytes, or a ready member (links, devices, whiteouts).

    A path that ends in ``/`` is a directory.
    """
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path, content in files.items():
            if isinstance(content, tarfile.TarInfo):
                archive.addfile(content)
                continue
            data = content.encode() if isinstance(content, str) else content
            member = tarfile.TarInfo(path.rstrip("/"))
            member.type = tarfile.DIRTYPE if path.endswith("/") else tarfile.REGTYPE
            member.mode = 0o755
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return stream.getvalue()


def image(
    *layers: bytes, config: ExecutionConfig | None = None, docker: bool = False
) -> base_image.Image:
    """An image of busybox with further layers on top."""
    bottom = base_image.busybox_layer(base_image.find_busybox())
    chosen = config or ExecutionConfig(env=[base_image.PATH], cmd=["sh"])
    return base_image.make_image([bottom, *layers], chosen, docker=docker)


def image_for(
    platform: str, *layers: bytes, layer_type: str = "", command: Sequence[str] = ("/bin/sh",)
) -> base_image.Image:
    """An image for any platform (``linux/arm/v7``); without layers one that differs by platform."""
    chosen = parse_platform(platform)
    tars = layers or (layer({"etc/platform": platform}),)
    document = encode_config(
        ImageConfig(
            created=base_image.CREATED,
            architecture=chosen.architecture,
            variant=chosen.variant,
            os=chosen.os,
            os_version=chosen.os_version,
            config=ExecutionConfig(cmd=list(command)),
            rootfs=RootFs(diff_ids=[base_image.digest_of(tar) for tar in tars]),
        )
    )
    packed = [gzip.compress(tar, mtime=0) for tar in tars]
    kind = layer_type or media_types.OCI_LAYER_GZIP
    manifest = manifests.encode(
        Manifest(
            schema_version=2,
            media_type=media_types.OCI_MANIFEST,
            config=_described(media_types.OCI_CONFIG, document),
            layers=[_described(kind, blob) for blob in packed],
        )
    )
    return base_image.Image(
        manifest=manifest,
        media_type=media_types.OCI_MANIFEST,
        blobs={base_image.digest_of(blob): blob for blob in (document, *packed)},
        config_digest=base_image.digest_of(document),
        layer_digests=tuple(base_image.digest_of(blob) for blob in packed),
    )


def with_foreign_layer(made: base_image.Image, url: str) -> base_image.Image:
    """Let the lowest layer of an image live elsewhere than in its registry (Windows)."""
    manifest = manifests.decode(made.manifest)
    assert isinstance(manifest, Manifest)
    kind = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"
    foreign, *others = manifest.layers
    layers = [replace(foreign, media_type=kind, urls=[url]), *others]
    blobs = {digest: blob for digest, blob in made.blobs.items() if digest != foreign.digest}
    return dataclasses.replace(
        made, manifest=manifests.encode(replace(manifest, layers=layers)), blobs=blobs
    )


def attestation_of(made: base_image.Image) -> base_image.Image:
    """What BuildKit attests of an image: a manifest with one in-toto statement."""
    statement = b'{"_type":"https://in-toto.io/Statement/v0.1","subject":[]}'
    config = b"{}"
    manifest = manifests.encode(
        Manifest(
            schema_version=2,
            media_type=media_types.OCI_MANIFEST,
            config=_described(media_types.OCI_CONFIG, config),
            layers=[_described("application/vnd.in-toto+json", statement)],
            annotations={"about": made.digest},
        )
    )
    blobs = {base_image.digest_of(blob): blob for blob in (config, statement)}
    return base_image.Image(
        manifest=manifest,
        media_type=media_types.OCI_MANIFEST,
        blobs=blobs,
        config_digest=base_image.digest_of(config),
        layer_digests=(base_image.digest_of(statement),),
    )


def attached_to(
    made: base_image.Image, kind: str, data: bytes, annotations: Mapping[str, str] | None = None
) -> base_image.Image:
    """An artifact of one layer that refers to an image: what signing tools push beside it."""
    config = b"{}"
    manifest = manifests.encode(
        Manifest(
            schema_version=2,
            media_type=media_types.OCI_MANIFEST,
            artifact_type=kind,
            config=_described("application/vnd.oci.empty.v1+json", config),
            layers=[_described(kind, data)],
            subject=_described(media_types.OCI_MANIFEST, made.manifest),
            annotations=dict(annotations or {}),
        )
    )
    return base_image.Image(
        manifest=manifest,
        media_type=media_types.OCI_MANIFEST,
        blobs={base_image.digest_of(blob): blob for blob in (config, data)},
        config_digest=base_image.digest_of(config),
        layer_digests=(base_image.digest_of(data),),
    )


def referrers_of(artifacts: Sequence[base_image.Image]) -> base_image.Image:
    """The index that stands under a fallback tag, in the place of the referrers API."""
    entries = []
    for artifact in artifacts:
        document = manifests.decode(artifact.manifest)
        entries.append(replace(_entry(artifact), artifact_type=document.artifact_type))
    index = Index(schema_version=2, media_type=media_types.OCI_INDEX, manifests=entries)
    return base_image.Image(
        manifest=manifests.encode(index),
        media_type=media_types.OCI_INDEX,
        blobs={},
        config_digest="",
        layer_digests=(),
    )


def image_index(
    images: Mapping[str, base_image.Image],
    attestations: Mapping[str, base_image.Image] | None = None,
    *,
    docker: bool = False,
) -> base_image.Image:
    """An index of images by platform, and of attestations by the platform they are about.

    Only the document: its members are pushed before it, see ``push_index``.
    """
    entries = [
        replace(_entry(made), platform=parse_platform(text)) for text, made in images.items()
    ]
    entries += [
        replace(
            _entry(made),
            platform=Platform(os="unknown", architecture="unknown"),
            annotations={
                "vnd.docker.reference.type": "attestation-manifest",
                "vnd.docker.reference.digest": images[text].digest,
            },
        )
        for text, made in (attestations or {}).items()
    ]
    kind = media_types.DOCKER_INDEX if docker else media_types.OCI_INDEX
    document = manifests.encode(Index(schema_version=2, media_type=kind, manifests=entries))
    return base_image.Image(
        manifest=document, media_type=kind, blobs={}, config_digest="", layer_digests=()
    )


def index_archive(
    name: str,
    images: Mapping[str, base_image.Image],
    attestations: Mapping[str, base_image.Image] | None = None,
) -> bytes:
    """A tar of an OCI layout that holds an index whole, under a name."""
    index = image_index(images, attestations)
    named = replace(_entry(index), annotations={"io.containerd.image.name": name})
    document = Index(schema_version=2, media_type=media_types.OCI_INDEX, manifests=[named])
    blobs = {index.digest: index.manifest}
    for made in (*images.values(), *(attestations or {}).values()):
        blobs |= {**made.blobs, made.digest: made.manifest}
    files: dict[str, Content] = {
        f"blobs/{digest.replace(':', '/')}": data for digest, data in blobs.items()
    }
    files["oci-layout"] = b'{"imageLayoutVersion":"1.0.0"}'
    files["index.json"] = manifests.encode(document)
    return layer(files)


def _entry(made: base_image.Image) -> Descriptor:
    return _described(made.media_type, made.manifest)


def _described(media_type: str, data: bytes) -> Descriptor:
    return Descriptor(media_type=media_type, digest=base_image.digest_of(data), size=len(data))
