"""Mounts: what ``--mount`` asks for, and the mount points of a container."""

from msgspec import UNSET, UnsetType

from boxship.api.schema import host_config as schema
from boxship.engine.containers.container import MountSpec
from boxship.errors import InvalidParameterError


def mount_spec(body: schema.Mount) -> MountSpec:
    """Read a Mount. Raises InvalidParameterError when options of another type are given."""
    _refuse_foreign_options(body)
    bind = body.bind_options or schema.BindOptions()
    volume = body.volume_options or schema.VolumeOptions()
    image = body.image_options or schema.ImageOptions()
    tmpfs = body.tmpfs_options or schema.TmpfsOptions()
    driver = volume.driver_config or schema.MountDriver()
    return MountSpec(
        type=body.type or "",
        target=body.target or "",
        source=body.source or "",
        read_only=body.read_only is True,
        consistency=body.consistency or "",
        propagation=bind.propagation or "",
        non_recursive=bind.non_recursive is True,
        create_mountpoint=bind.create_mountpoint is True,
        read_only_non_recursive=bind.read_only_non_recursive is True,
        read_only_force_recursive=bind.read_only_force_recursive is True,
        no_copy=volume.no_copy is True,
        labels=volume.labels or {},
        driver_name=driver.name or "",
        driver_options=driver.options or {},
        subpath=volume.subpath or image.subpath or "",
        tmpfs_size=tmpfs.size_bytes or 0,
        tmpfs_mode=tmpfs.mode or 0,
        tmpfs_options=tuple(tuple(option) for option in tmpfs.options or ()),
    )


def _refuse_foreign_options(body: schema.Mount) -> None:
    groups: tuple[tuple[str, str, object], ...] = (
        ("bind", "BindOptions", body.bind_options),
        ("volume", "VolumeOptions", body.volume_options),
        ("image", "ImageOptions", body.image_options),
        ("tmpfs", "TmpfsOptions", body.tmpfs_options),
    )
    if body.type not in {kind for kind, _, _ in groups}:
        return
    for kind, name, given in groups:
        if kind != body.type and given is not UNSET:
            raise InvalidParameterError(
                f'invalid mount config for type "{body.type}": field {name} must not be specified'
            )


def mount_json(spec: MountSpec) -> schema.Mount:
    """Write a Mount as it was asked for."""
    return schema.Mount(
        type=spec.type,
        source=spec.source or UNSET,
        target=spec.target,
        read_only=spec.read_only or UNSET,
        consistency=spec.consistency or UNSET,
        bind_options=_bind_json(spec) if spec.type == "bind" else UNSET,
        volume_options=_volume_json(spec) if spec.type == "volume" else UNSET,
        image_options=_image_json(spec) if spec.type == "image" else UNSET,
        tmpfs_options=_tmpfs_json(spec) if spec.type == "tmpfs" else UNSET,
    )


def _bind_json(spec: MountSpec) -> schema.BindOptions | UnsetType:
    options = schema.BindOptions(
        propagation=spec.propagation or UNSET,
        non_recursive=spec.non_recursive or UNSET,
        create_mountpoint=spec.create_mountpoint or UNSET,
        read_only_non_recursive=spec.read_only_non_recursive or UNSET,
        read_only_force_recursive=spec.read_only_force_recursive or UNSET,
    )
    return UNSET if options == schema.BindOptions() else options


def _volume_json(spec: MountSpec) -> schema.VolumeOptions | UnsetType:
    driver = schema.MountDriver(
        name=spec.driver_name or UNSET, options=dict(spec.driver_options) or UNSET
    )
    options = schema.VolumeOptions(
        no_copy=spec.no_copy or UNSET,
        labels=dict(spec.labels) or UNSET,
        subpath=spec.subpath or UNSET,
        driver_config=UNSET if driver == schema.MountDriver() else driver,
    )
    return UNSET if options == schema.VolumeOptions() else options


def _image_json(spec: MountSpec) -> schema.ImageOptions | UnsetType:
    return schema.ImageOptions(subpath=spec.subpath) if spec.subpath else UNSET


def _tmpfs_json(spec: MountSpec) -> schema.TmpfsOptions | UnsetType:
    options = schema.TmpfsOptions(
        size_bytes=spec.tmpfs_size or UNSET,
        mode=spec.tmpfs_mode or UNSET,
        options=[list(option) for option in spec.tmpfs_options] or UNSET,
    )
    return UNSET if options == schema.TmpfsOptions() else options
