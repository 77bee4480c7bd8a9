"""The mounts of a container: resolved once at creation, turned into OCI mounts at each start."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from boxship.engine.containers import image_mounts, networking, shallow_binds
from boxship.engine.containers.binds import (
    DEFAULT_PROPAGATION,
    check_mount,
    parse_bind,
    parse_volumes_from,
)
from boxship.engine.containers.container import Container, HostConfig, MountPoint, MountSpec
from boxship.engine.containers.context import Context
from boxship.engine.runtime.workload import Mount
from boxship.engine.volumes.volume import ANONYMOUS_LABEL, LOCAL
from boxship.errors import InvalidParameterError
from boxship.ids import new_id

_RO_SHALLOW = "ro-non-recursive"
"""Option of a mount point: what is mounted below it may be written to."""
_NAME_FILES = {
    "/etc/resolv.conf": "resolv.conf",
    "/etc/hostname": "hostname",
    "/etc/hosts": "hosts",
}


class Resolver:
    """Works out a new container's mounts; volumes that are missing are created.

    Later sources win over earlier ones for the same destination, in Docker's order:
    ``--volumes-from``, the image's VOLUMEs, ``-v``, ``--mount``, ``--tmpfs``.
    """

    def __init__(
        self, context: Context, container: Container, names: Mapping[str, str], made: list[str]
    ) -> None:
        """``names``: those of ``make_plugin_volumes``. ``made``: is told what volumes are new."""
        self._context = context
        self._container = container
        self._names = names
        self._made = made
        self._points: dict[str, MountPoint] = {}

    def resolve(self) -> tuple[MountPoint, ...]:
        """Return all mount points, parents before children."""
        host = self._container.host
        explicit = self._explicit_targets()
        for spec in host.mounts:
            check_mount(spec)
        for text in host.volumes_from:
            self._add_from(text)
        for text in host.binds:
            self._add_bind(text)
        for spec in host.mounts:
            self._add_spec(spec)
        for target in self._container.config.volumes:
            if target not in explicit and target not in self._points:
                self._add_volume(MountSpec(type="volume", target=target), "")
        for target, options in host.tmpfs.items():
            self._points[target] = _tmpfs_point(target, options)
        for point in self._points.values():
            if point.type == "volume":
                self._context.volumes.acquire(point.name, self._container.id)
        return tuple(sorted(self._points.values(), key=lambda point: point.destination))

    def _explicit_targets(self) -> set[str]:
        host = self._container.host
        return {
            *(parse_bind(text).spec.target for text in host.binds),
            *(spec.target for spec in host.mounts),
            *host.tmpfs,
        }

    def _add_from(self, text: str) -> None:
        reference, read_only = parse_volumes_from(text)
        for point in self._context.store.get(reference).mounts:
            if point.type in ("volume", "bind"):
                read_write = point.read_write and not read_only
                self._points[point.destination] = replace(
                    point, read_write=read_write, anonymous=False
                )

    def _add_bind(self, text: str) -> None:
        bind = parse_bind(text)
        spec = _driven(bind.spec, self._container.host)
        if spec.target in self._points and spec.target in self._duplicates():
            raise InvalidParameterError(f"Duplicate mount point: {spec.target}")
        if spec.type == "volume":
            self._add_volume(spec, bind.mode or "z")
        else:
            self._points[spec.target] = _bind_point(spec, bind.mode, create_source=True)

    def _duplicates(self) -> set[str]:
        """Targets that are given more than once on purpose are a mistake."""
        targets = [parse_bind(text).spec.target for text in self._container.host.binds]
        return {target for target in targets if targets.count(target) > 1}

    def _add_spec(self, spec: MountSpec) -> None:
        if spec.type == "volume":
            self._add_volume(spec, "z")
        elif spec.type == "bind":
            self._points[spec.target] = _bind_point(spec, "", create_source=spec.create_mountpoint)
        elif spec.type == "image":
            self._points[spec.target] = self._image_point(spec)
        else:
            self._points[spec.target] = _tmpfs_point(spec.target, _tmpfs_options(spec))

    def _image_point(self, spec: MountSpec) -> MountPoint:
        image = self._context.images.get(spec.source)
        return MountPoint(
            type="image",
            destination=spec.target,
            source=spec.source,
            name=image.id,
            read_write=False,
            options=_subpath_option(spec),
        )

    def _add_volume(self, spec: MountSpec, mode: str) -> None:
        volumes = self._context.volumes
        name = spec.source or self._names.get(spec.target) or new_id()
        if not volumes.has(name):
            self._made.append(name)
        with self._context.database.transaction():  # a volume that nobody uses would stay for ever
            volume = volumes.create(
                name,
                driver=spec.driver_name,
                driver_opts=dict(spec.driver_options),
                labels=dict(spec.labels),
                anonymous=not spec.source,
            )
            volumes.acquire(volume.name, self._container.id)
        self._points[spec.target] = MountPoint(
            type="volume",
            destination=spec.target,
            source=str(volume.mountpoint) if volume.is_local else "",
            name=volume.name,
            driver=volume.driver,
            mode=mode,
            read_write=not spec.read_only,
            options=_subpath_option(spec),
            anonymous=not spec.source,
            no_copy=spec.no_copy,
        )


async def make_plugin_volumes(
    context: Context, container: Container, made: list[str]
) -> dict[str, str]:
    """Make the volumes of plugins that a container asks for: that takes time.

    Returns the names of those that have none of their own, by destination; ``made`` is told of each
    that is new.
    """
    host = container.host
    specs = [*host.mounts, *(_driven(parse_bind(text).spec, host) for text in host.binds)]
    names = {}
    for spec in specs:
        if spec.type != "volume" or spec.driver_name in ("", LOCAL):
            continue
        name = spec.source or new_id()
        names[spec.target] = name
        if context.volumes.has(name):
            continue
        labels = dict(spec.labels) if spec.source else {**spec.labels, ANONYMOUS_LABEL: ""}
        await context.volumes.make(name, spec.driver_name, dict(spec.driver_options), labels)
        made.append(name)
    return names


def _driven(spec: MountSpec, host: HostConfig) -> MountSpec:
    """Return a ``-v`` with the driver of ``--volume-driver``."""
    if spec.type != "volume" or not host.volume_driver:
        return spec
    return replace(spec, driver_name=host.volume_driver)


def _subpath_option(spec: MountSpec) -> tuple[str, ...]:
    return (f"subpath={spec.subpath}",) if spec.subpath else ()


def _bind_point(spec: MountSpec, mode: str, *, create_source: bool) -> MountPoint:
    return MountPoint(
        type="bind",
        destination=spec.target,
        source=spec.source,
        mode=mode,
        read_write=not spec.read_only,
        propagation=spec.propagation or DEFAULT_PROPAGATION,
        options=(
            "bind" if spec.non_recursive else "rbind",
            *((_RO_SHALLOW,) if spec.read_only_non_recursive else ()),
        ),
        create_source=create_source,
    )


def _tmpfs_point(target: str, options: str) -> MountPoint:
    return MountPoint(
        type="tmpfs",
        destination=target,
        source="",
        mode=options,
        read_write="ro" not in options.split(","),
    )


def _tmpfs_options(spec: MountSpec) -> str:
    options = ["/".join(option) for option in spec.tmpfs_options]
    if spec.tmpfs_size:
        options.append(f"size={spec.tmpfs_size}")
    if spec.tmpfs_mode:
        options.append(f"mode={spec.tmpfs_mode:o}")
    if spec.read_only:
        options.append("ro")
    return ",".join(options)


def name_file_mounts(context: Context, container: Container) -> Iterator[Mount]:
    """Yield the mounts of ``/etc/hosts`` and its like, where the user mounts nothing there."""
    taken = {point.destination for point in container.mounts}
    owner = container.id
    joined = networking.mode(container)
    if joined.startswith("container:"):
        owner = context.store.get(joined.partition(":")[2]).id
    directory = context.files_dir(owner)
    for destination, name in _NAME_FILES.items():
        if destination in taken or not (directory / name).exists():
            continue
        options = ["rbind", "rprivate"]
        if container.host.read_only_rootfs:
            options.append("ro")
        yield Mount(
            type="bind",
            source=str(directory / name),
            destination=destination,
            options=tuple(options),
        )


def to_oci(context: Context, container: Container) -> Iterator[Mount]:
    """Yield the container's own mounts. Raises InvalidParameterError for a missing source."""
    for point in container.mounts:
        if point.type == "tmpfs":
            yield _tmpfs_mount(point)
        else:
            yield _bind_mount(context, container, point)
    for number, _ in enumerate(container.files):
        yield _file_mount(context, container, number)


def _tmpfs_mount(point: MountPoint) -> Mount:
    """Docker's defaults: noexec, nosuid, nodev, unless the options say otherwise."""
    given = [option for option in point.mode.split(",") if option]
    positive = {"noexec": "exec", "nosuid": "suid", "nodev": "dev"}
    defaults = [name for name, other in positive.items() if other not in given]
    options = tuple(dict.fromkeys((*defaults, *given)))
    return Mount(type="tmpfs", source="tmpfs", destination=point.destination, options=options)


def _bind_mount(context: Context, container: Container, point: MountPoint) -> Mount:
    source = Path(point.source)
    if point.type == "volume":
        source = _within(context.volumes.mountpoint(point.name), point)
    elif point.type == "image":
        source = _within(image_mounts.host_path(context, container, point), point)
    elif not source.exists():
        if not point.create_source:
            raise InvalidParameterError(
                f'invalid mount config for type "bind": bind source path does not exist: {source}'
            )
        source.mkdir(parents=True)
    if shallow_binds.is_shallow(point):
        source = shallow_binds.place(context, container, point, source)
    recursion = "bind" if "bind" in point.options else "rbind"
    options = [recursion, point.propagation or DEFAULT_PROPAGATION]
    if not point.read_write:
        shallow = "bind" in point.options or _RO_SHALLOW in point.options
        options.append("ro" if shallow else "rro")
    return Mount(
        type="bind",
        source=os.path.realpath(source),
        destination=point.destination,
        options=tuple(options),
    )


def _within(root: Path, point: MountPoint) -> Path:
    """Return what is mounted of a volume or image: all of it, or the subpath that was asked for."""
    for option in point.options:
        name, _, value = option.partition("=")
        if name == "subpath":
            return _inside(root, value, point.type)
    return root


def _inside(root: Path, subpath: str, kind: str) -> Path:
    """Resolve a subpath that must stay within its volume or image."""
    resolved = Path(os.path.realpath(root / subpath))
    if not resolved.is_relative_to(os.path.realpath(root)) or not resolved.exists():
        raise InvalidParameterError(
            f"cannot access the {kind}'s subpath {subpath}: it does not exist inside the {kind}"
        )
    return resolved


def _file_mount(context: Context, container: Container, number: int) -> Mount:
    """Lay a file's content on disk, readable as asked, and mount it."""
    content = container.files[number]
    directory = context.bundle_dir(container.id) / "files"
    directory.mkdir(exist_ok=True, mode=0o700)
    path = directory / str(number)
    path.write_bytes(content.content)
    os.chown(path, content.uid, content.gid)
    path.chmod(content.mode)
    return Mount(
        type="bind",
        source=str(path),
        destination=content.target,
        options=("rbind", "rprivate", "ro"),
    )
