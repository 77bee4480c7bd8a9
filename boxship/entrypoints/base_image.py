"""Makes a busybox base image out of the distribution's static busybox, with no registry to ask.

    python -m boxship.entrypoints.base_image --push 127.0.0.1:5000/busybox:latest
    python -m boxship.entrypoints.base_image --docker-archive busybox.tar busybox:latest
    python -m boxship.entrypoints.base_image --oci-archive busybox-oci.tar

The image is the same byte for byte each time, so that a second push changes nothing.
"""

import argparse
import gzip
import hashlib
import http.client
import io
import sys
import tarfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from boxship.engine.images.bootstrap.busybox import CREATED as CREATED
from boxship.engine.images.bootstrap.busybox import PATH as PATH
from boxship.engine.images.bootstrap.busybox import add_member, busybox_config
from boxship.engine.images.bootstrap.busybox import busybox_layer as busybox_layer
from boxship.engine.images.bootstrap.busybox import find_busybox as find_busybox
from boxship.errors import BoxshipError, InternalError, UnavailableError
from boxship.oci import image as image_documents
from boxship.oci import manifest as manifest_documents
from boxship.oci import media_types
from boxship.oci.descriptor import Descriptor
from boxship.oci.image import ExecutionConfig, History, ImageConfig, RootFs
from boxship.oci.manifest import Index, Manifest
from boxship.oci.platform import host_platform
from boxship.reference import Reference, parse_normalized


@dataclass(frozen=True, slots=True)
class Image:
    """A complete image: its manifest, and every blob it names by digest."""

    manifest: bytes
    media_type: str
    blobs: Mapping[str, bytes]
    config_digest: str
    layer_digests: tuple[str, ...]

    @property
    def digest(self) -> str:
        """Digest of the manifest, by which the image can be pulled."""
        return digest_of(self.manifest)


def digest_of(data: bytes) -> str:
    """``sha256:<hex>`` of data."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def make_image(
    layers: Sequence[bytes],
    config: ExecutionConfig,
    *,
    docker: bool = False,
    architecture: str = "",
) -> Image:
    """Assemble an image of uncompressed layer tars, lowest first.

    docker: Docker's media types instead of OCI's. architecture: Go's name; empty: this machine's.
    """
    packed = [gzip.compress(layer, compresslevel=6, mtime=0) for layer in layers]
    document = image_documents.encode(
        ImageConfig(
            created=CREATED,
            architecture=architecture or host_platform().architecture,
            os="linux",
            config=config,
            rootfs=RootFs(diff_ids=[digest_of(layer) for layer in layers]),
            history=[
                History(created=CREATED, created_by=f"layer {number}")
                for number in range(1, len(layers) + 1)
            ],
        )
    )
    layer_type = media_types.DOCKER_LAYER_GZIP if docker else media_types.OCI_LAYER_GZIP
    config_type = media_types.DOCKER_CONFIG if docker else media_types.OCI_CONFIG
    manifest_type = media_types.DOCKER_MANIFEST if docker else media_types.OCI_MANIFEST
    manifest = Manifest(
        schema_version=2,
        media_type=manifest_type,
        config=_describe(config_type, document),
        layers=[_describe(layer_type, layer) for layer in packed],
    )
    blobs = {digest_of(blob): blob for blob in (document, *packed)}
    return Image(
        manifest=manifest_documents.encode(manifest),
        media_type=manifest_type,
        blobs=blobs,
        config_digest=digest_of(document),
        layer_digests=tuple(digest_of(layer) for layer in packed),
    )


def _describe(media_type: str, data: bytes) -> Descriptor:
    return Descriptor(media_type=media_type, digest=digest_of(data), size=len(data))


def busybox_image(binary: Path | None = None, *, docker: bool = False) -> Image:
    """Make the busybox image. Raises UnavailableError when no busybox is installed."""
    layer = busybox_layer(binary or find_busybox())
    return make_image([layer], busybox_config(), docker=docker)


# --- archives ---


def oci_archive(image: Image, tag: str = "latest") -> bytes:
    """Pack the image as a tar of an OCI layout (opencontainers/image-spec image-layout.md)."""
    descriptor = Descriptor(
        media_type=image.media_type,
        digest=image.digest,
        size=len(image.manifest),
        annotations={"org.opencontainers.image.ref.name": tag},
    )
    index = Index(schema_version=2, media_type=media_types.OCI_INDEX, manifests=[descriptor])
    blobs = {**image.blobs, image.digest: image.manifest}
    files = {f"blobs/{digest.replace(':', '/')}": data for digest, data in blobs.items()}
    files["oci-layout"] = b'{"imageLayoutVersion":"1.0.0"}'
    files["index.json"] = manifest_documents.encode(index)
    return _pack(files.items())


def docker_archive(image: Image, *names: str) -> bytes:
    """Pack the image as `docker save` does, with the given names."""
    config = image.config_digest.removeprefix("sha256:") + ".json"
    layers = [f"{digest.removeprefix('sha256:')}/layer.tar" for digest in image.layer_digests]
    files = {config: image.blobs[image.config_digest]}
    for digest, path in zip(image.layer_digests, layers, strict=True):
        files[path] = gzip.decompress(image.blobs[digest])
    entry = {"Config": config, "RepoTags": list(names) or None, "Layers": layers}
    files["manifest.json"] = msgspec.json.encode([entry])
    return _pack(files.items())


def _pack(files: Iterable[tuple[str, bytes]]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for name, data in files:
            add_member(archive, name, 0o644, tarfile.REGTYPE, data)
    return stream.getvalue()


# --- pushing (opencontainers/distribution-spec) ---


def push(image: Image, reference: Reference, authorization: str = "") -> str:
    """Push over plain HTTP to the registry that the reference names; return the digest.

    authorization: value of that header. Raises UnavailableError or InternalError.
    """
    headers = {"Authorization": authorization} if authorization else {}
    connection = http.client.HTTPConnection(reference.domain, timeout=60)
    try:
        for digest, blob in image.blobs.items():
            _push_blob(connection, reference.path, digest, blob, headers)
        typed = {**headers, "Content-Type": image.media_type}
        target = f"/v2/{reference.path}/manifests/{reference.tag or image.digest}"
        _request(connection, "PUT", target, image.manifest, typed, 201)
    except OSError as error:
        raise UnavailableError(f"cannot reach the registry {reference.domain}: {error}") from error
    finally:
        connection.close()
    return image.digest


def _push_blob(
    connection: http.client.HTTPConnection,
    path: str,
    digest: str,
    blob: bytes,
    headers: Mapping[str, str],
) -> None:
    found = _request(connection, "HEAD", f"/v2/{path}/blobs/{digest}", None, headers, 200, 404)
    if found.status == 200:
        return
    started = _request(connection, "POST", f"/v2/{path}/blobs/uploads/", b"", headers, 202)
    location = started.getheader("Location") or ""
    separator = "&" if "?" in location else "?"
    typed = {**headers, "Content-Type": "application/octet-stream"}
    _request(connection, "PUT", f"{location}{separator}digest={digest}", blob, typed, 201)


def _request(
    connection: http.client.HTTPConnection,
    method: str,
    target: str,
    body: bytes | None,
    headers: Mapping[str, str],
    *expected: int,
) -> http.client.HTTPResponse:
    connection.request(method, target, body, dict(headers))
    response = connection.getresponse()
    text = response.read()
    if response.status not in expected:
        said = text.decode(errors="replace").strip() or response.reason
        raise InternalError(f"the registry refused {method} {target}: {response.status} {said}")
    return response


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; return its exit status."""
    parser = argparse.ArgumentParser(prog="base_image", description=(__doc__ or "").split("\n")[0])
    target = parser.add_mutually_exclusive_group(required=True)
    target.add_argument("--push", metavar="HOST:PORT/NAME[:TAG]")
    target.add_argument("--oci-archive", metavar="FILE", type=Path)
    target.add_argument("--docker-archive", metavar="FILE", type=Path)
    parser.add_argument("--busybox", metavar="FILE", type=Path, help="the static binary to use")
    parser.add_argument("name", nargs="?", default="busybox:latest", help="name in the archive")
    options = parser.parse_args(arguments)
    try:
        image = busybox_image(options.busybox)
        if options.push:
            push(image, parse_normalized(options.push).with_default_tag())
        elif options.oci_archive:
            options.oci_archive.write_bytes(oci_archive(image))
        else:
            options.docker_archive.write_bytes(docker_archive(image, options.name))
    except BoxshipError as error:
        print(f"base_image: {error.message}", file=sys.stderr)
        return 1
    print(image.digest)
    return 0


if __name__ == "__main__":
    sys.exit(main())
