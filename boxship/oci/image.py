"""An image's configuration document (opencontainers/image-spec config.md, Docker's additions)."""

import hashlib
from typing import Any

import msgspec
from msgspec import Struct, field

from boxship.errors import InvalidParameterError
from boxship.oci import document
from boxship.oci.platform import Platform
from boxship.reference import check_digest


class HealthcheckConfig(Struct, frozen=True, omit_defaults=True, rename="pascal"):
    """How a container of the image is probed; times in nanoseconds, 0: not set."""

    test: list[str] = field(default_factory=list)
    interval: int = 0
    timeout: int = 0
    start_period: int = 0
    start_interval: int = 0
    retries: int = 0


class ExecutionConfig(Struct, frozen=True, omit_defaults=True, rename="pascal"):
    """What a container of the image runs by default (the document's ``config`` member)."""

    hostname: str = ""
    domainname: str = ""
    user: str = ""
    exposed_ports: dict[str, Any] = field(default_factory=dict)
    """``80/tcp`` → an empty object."""
    env: list[str] = field(default_factory=list)
    cmd: list[str] | None = None
    healthcheck: HealthcheckConfig | None = None
    args_escaped: bool = False
    volumes: dict[str, Any] = field(default_factory=dict)
    """Path → an empty object."""
    working_dir: str = ""
    entrypoint: list[str] | None = None
    on_build: list[str] = field(default_factory=list)
    labels: dict[str, str] = field(default_factory=dict)
    stop_signal: str = ""
    stop_timeout: int | None = None
    shell: list[str] = field(default_factory=list)


class OriginConfig(ExecutionConfig, frozen=True, omit_defaults=True, rename="pascal"):
    """How the container was configured out of which Docker or we made an image (commit)."""

    image: str = ""
    """The name by which that container's own image was given."""


class RootFs(Struct, frozen=True):
    """The layers, lowest first, by the digests of their uncompressed tars."""

    type: str = "layers"
    diff_ids: list[str] = field(default_factory=list)


class History(Struct, frozen=True, omit_defaults=True):
    """One step that made the image."""

    created: str = ""
    created_by: str = ""
    author: str = ""
    comment: str = ""
    empty_layer: bool = False
    """The step changed no files: no layer belongs to it."""


class ImageConfig(
    Struct,
    frozen=True,
    omit_defaults=True,
    rename={"os_version": "os.version", "os_features": "os.features"},
):
    """The whole document; the digest of its bytes is the image's id."""

    created: str = ""
    """RFC 3339."""
    author: str = ""
    architecture: str = ""
    variant: str = ""
    os: str = ""
    os_version: str = ""
    os_features: list[str] = field(default_factory=list)
    config: ExecutionConfig = field(default_factory=ExecutionConfig)
    rootfs: RootFs = field(default_factory=RootFs)
    history: list[History] = field(default_factory=list)
    docker_version: str = ""
    comment: str = ""
    parent: str = ""
    container: str = ""
    """Docker's addition: the id of the container out of which the image was made."""
    container_config: OriginConfig | None = None

    @property
    def platform(self) -> Platform:
        """What the image runs on, as the document says it."""
        return Platform(
            os=self.os,
            architecture=self.architecture,
            variant=self.variant,
            os_version=self.os_version,
            os_features=tuple(self.os_features),
        )


def decode(data: bytes) -> ImageConfig:
    """Read a configuration. Raises InvalidParameterError, saying what is wrong with it."""
    what = "image configuration"
    value = document.parse(data, what)
    if not isinstance(value, dict):
        raise InvalidParameterError(f"invalid {what}: not a JSON object")
    config = value.get("config")
    if isinstance(config, dict):
        _listed(config, "Cmd")
        _listed(config, "Entrypoint")
    image = document.convert(value, ImageConfig, what)
    for diff_id in image.rootfs.diff_ids:
        check_digest(diff_id)
    return image


def _listed(config: dict[str, Any], key: str) -> None:
    """Old images give a command as one string."""
    if isinstance(config.get(key), str):
        config[key] = [config[key]]


def encode(image: ImageConfig) -> bytes:
    """Write a configuration; ``rootfs``, which the format requires, is always there."""
    value = msgspec.to_builtins(image)
    value.setdefault("config", {})
    value["rootfs"] = {"type": "layers", "diff_ids": list(image.rootfs.diff_ids)}
    return msgspec.json.encode(value)


def chain_ids(diff_ids: list[str] | tuple[str, ...]) -> tuple[str, ...]:
    """Return the names of the stacks of layers: each covers a layer and all below it.

    image-spec config.md: ``ChainID(L0|…|Ln) = sha256(ChainID(L0|…|Ln-1) + " " + DiffID(Ln))``.
    """
    chain: list[str] = []
    for diff_id in diff_ids:
        stacked = f"{chain[-1]} {diff_id}".encode() if chain else b""
        chain.append(f"sha256:{hashlib.sha256(stacked).hexdigest()}" if stacked else diff_id)
    return tuple(chain)
