"""Images as Docker's JSON."""

from collections.abc import Iterable

from msgspec import UNSET, UnsetType, structs, to_builtins

from boxship.api.convert.times import timestamp
from boxship.api.schema import images as schema
from boxship.api.schema.container_config import Config, Healthcheck, ImageRuntimeConfig
from boxship.api.schema.containers import GraphDriver
from boxship.api.schema.shape import EMPTY
from boxship.api.versions import MAX_API_VERSION, ApiVersion
from boxship.engine.images.image import (
    HistoryItem,
    Image,
    ImageSummary,
    ManifestSummary,
    Progress,
    Removed,
)
from boxship.oci.descriptor import Descriptor
from boxship.oci.image import ExecutionConfig, HealthcheckConfig, ImageConfig, OriginConfig
from boxship.oci.platform import Platform
from boxship.units import SECOND


def image_summary_json(
    image: ImageSummary, version: ApiVersion = MAX_API_VERSION
) -> schema.ImageSummary:
    """Write a row of the list; before 1.43 an image without a name had ``<none>`` for one."""
    tags, digests = list(image.repo_tags), list(image.repo_digests)
    if version < (1, 43) and not (tags or digests):
        tags, digests = ["<none>:<none>"], ["<none>@<none>"]
    return schema.ImageSummary(
        containers=image.containers,
        created=image.created_at_ns // SECOND,
        id=image.id,
        labels=dict(image.labels) or None,
        parent_id=image.parent,
        repo_digests=digests,
        repo_tags=tags,
        shared_size=image.shared_size,
        size=image.size,
        virtual_size=image.size if version < (1, 44) else UNSET,
        manifests=UNSET if image.manifests is None else manifests_json(image.manifests),
        descriptor=_with_descriptor(image.descriptor, version),
    )


def manifests_json(manifests: Iterable[ManifestSummary]) -> list[schema.ManifestSummary]:
    """Write what an index lists."""
    return [_manifest_json(manifest) for manifest in manifests]


def _manifest_json(manifest: ManifestSummary) -> schema.ManifestSummary:
    about = schema.ManifestAttestation(about=manifest.about)
    return schema.ManifestSummary(
        id=manifest.descriptor.digest,
        descriptor=to_builtins(manifest.descriptor),
        available=manifest.available,
        size=schema.ManifestSize(
            total=manifest.content_size + manifest.unpacked_size, content=manifest.content_size
        ),
        kind=manifest.kind,
        image_data=_image_data(manifest, manifest.platform) if manifest.platform else UNSET,
        attestation_data=about if manifest.kind == "attestation" else UNSET,
    )


def _image_data(manifest: ManifestSummary, platform: Platform) -> schema.ManifestImage:
    return schema.ManifestImage(
        platform=to_builtins(platform),
        containers=list(manifest.containers),
        size=schema.UnpackedSize(unpacked=manifest.unpacked_size),
    )


def _with_descriptor(
    descriptor: Descriptor | None, version: ApiVersion
) -> dict[str, object] | UnsetType:
    return to_builtins(descriptor) if descriptor and version >= (1, 48) else UNSET


def inspect_json(
    image: Image,
    driver: str,
    version: ApiVersion,
    descriptor: Descriptor | None = None,
    manifests: Iterable[ManifestSummary] | None = None,
) -> schema.ImageInspected:
    """Write an image in full.

    descriptor: of what its name leads to, since 1.48. manifests: None where nobody asked for them.
    """
    config = image.config
    return schema.ImageInspected(
        id=image.id,
        repo_tags=list(image.repo_tags),
        repo_digests=list(image.repo_digests),
        parent=image.parent,
        comment=config.comment or _last_comment(config),
        created=config.created or UNSET,
        container=config.container if version < (1, 45) else UNSET,
        container_config=_origin(config.container_config) if version < (1, 45) else UNSET,
        docker_version=config.docker_version,
        author=config.author,
        config=_config(config.config, version),
        architecture=config.architecture,
        variant=config.variant or UNSET,
        os=config.os,
        os_version=config.os_version or UNSET,
        size=image.size,
        virtual_size=image.size if version < (1, 44) else UNSET,
        graph_driver=GraphDriver(name=driver, data=None),
        root_fs=schema.RootFs(type="layers", layers=list(image.layers) or UNSET),
        metadata=schema.ImageMetadata(last_tag_time=timestamp(image.tagged_at_ns)),
        descriptor=_with_descriptor(descriptor, version),
        manifests=UNSET if manifests is None else manifests_json(manifests),
    )


def _config(config: ExecutionConfig, version: ApiVersion) -> Config | ImageRuntimeConfig:
    return _runtime_config(config) if version >= (1, 50) else _full_config(config)


def _last_comment(config: ImageConfig) -> str:
    """Return what the last step says, as Docker shows it for an image without words of its own."""
    return config.history[-1].comment if config.history else ""


def _origin(config: OriginConfig | None) -> Config:
    """Write how the container was configured out of which the image was made."""
    if config is None:
        return Config()
    return structs.replace(_full_config(config), image=config.image)


def _runtime_config(config: ExecutionConfig) -> ImageRuntimeConfig:
    return ImageRuntimeConfig(
        args_escaped=config.args_escaped or UNSET,
        cmd=config.cmd or UNSET,
        entrypoint=config.entrypoint or UNSET,
        env=config.env or UNSET,
        exposed_ports=dict.fromkeys(config.exposed_ports, EMPTY) or UNSET,
        healthcheck=_healthcheck(config.healthcheck) if config.healthcheck else UNSET,
        labels=config.labels or UNSET,
        on_build=config.on_build or UNSET,
        shell=config.shell or UNSET,
        stop_signal=config.stop_signal or UNSET,
        user=config.user or UNSET,
        volumes=dict.fromkeys(config.volumes, EMPTY) or UNSET,
        working_dir=config.working_dir or UNSET,
    )


def _full_config(config: ExecutionConfig) -> Config:
    """Write it as a container's, with the empty fields that older clients expect."""
    return Config(
        hostname=config.hostname,
        domainname=config.domainname,
        user=config.user,
        exposed_ports=dict.fromkeys(config.exposed_ports, EMPTY) or UNSET,
        env=config.env,
        cmd=config.cmd,
        healthcheck=_healthcheck(config.healthcheck) if config.healthcheck else UNSET,
        args_escaped=config.args_escaped or UNSET,
        volumes=dict.fromkeys(config.volumes, EMPTY) or None,
        working_dir=config.working_dir,
        entrypoint=config.entrypoint,
        on_build=config.on_build or None,
        labels=config.labels or None,
        stop_signal=config.stop_signal or UNSET,
        stop_timeout=UNSET if config.stop_timeout is None else config.stop_timeout,
        shell=config.shell or UNSET,
    )


def _healthcheck(check: HealthcheckConfig) -> Healthcheck:
    return Healthcheck(
        test=check.test or UNSET,
        interval=check.interval or UNSET,
        timeout=check.timeout or UNSET,
        start_period=check.start_period or UNSET,
        start_interval=check.start_interval or UNSET,
        retries=check.retries or UNSET,
    )


def history_json(item: HistoryItem) -> schema.HistoryItem:
    """Write one step."""
    return schema.HistoryItem(
        id=item.id,
        created=item.created_at_ns // SECOND,
        created_by=item.created_by,
        tags=list(item.tags) or None,
        size=item.size,
        comment=item.comment,
    )


def removals_json(removed: Iterable[Removed]) -> list[schema.ImageRemoval]:
    """Write what a removal did."""
    return [
        schema.ImageRemoval(untagged=item.untagged or UNSET, deleted=item.deleted or UNSET)
        for item in removed
    ]


def progress_json(message: Progress) -> schema.ProgressMessage:
    """Write one message; what concerns a layer has a (perhaps empty) progressDetail."""
    return schema.ProgressMessage(
        stream=message.stream or UNSET,
        status=message.status or UNSET,
        progress_detail=_detail(message) if _is_of_layer(message) else UNSET,
        id=message.id or UNSET,
        aux=_aux(message),
    )


def _aux(message: Progress) -> dict[str, object] | UnsetType:
    """Write what is for programs (moby, ``api/types/auxprogress``)."""
    if message.pushed_instead:
        index, manifest = message.pushed_instead
        return {
            "manifestPushedInsteadOfIndex": True,
            "originalIndex": to_builtins(index),
            "selectedManifest": to_builtins(manifest),
        }
    return dict(message.aux) if message.aux is not None else UNSET


def _is_of_layer(message: Progress) -> bool:
    if message.current or message.total:
        return True
    return bool(message.id) and not message.status.startswith("Pulling from ")


def _detail(message: Progress) -> schema.ProgressDetail:
    return schema.ProgressDetail(current=message.current or UNSET, total=message.total or UNSET)
