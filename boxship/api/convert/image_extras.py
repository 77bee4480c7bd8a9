"""Boxship's own answers about images as JSON."""

from msgspec import UNSET

from boxship.api.convert.times import timestamp
from boxship.api.schema import image_extras as schema
from boxship.engine.images.examine.report import (
    Difference,
    FileDifference,
    FileState,
    LayerSize,
    Listing,
    Waste,
    WastefulLayer,
)
from boxship.engine.images.image import Image
from boxship.engine.images.mounting import ImageMount
from boxship.units import format_timestamp_ns


def difference_json(found: Difference) -> schema.ImageDifference:
    """Write what differs between two images."""
    return schema.ImageDifference(
        before=_side(found.before_id, found.before_layers),
        after=_side(found.after_id, found.after_layers),
        files=[_file_difference(file) for file in found.files],
        packages=[
            schema.PackageDifference(
                kind=package.kind, name=package.name, before=package.before, after=package.after
            )
            for package in found.packages
        ],
        config=[
            schema.FieldDifference(field_name=one.field, before=one.before, after=one.after)
            for one in found.config
        ],
    )


def _side(image_id: str, layers: tuple[LayerSize, ...]) -> schema.DifferenceSide:
    return schema.DifferenceSide(
        id=image_id, size=sum(layer.size for layer in layers), layers=_layers(layers, shared=True)
    )


def _layers(layers: tuple[LayerSize, ...], *, shared: bool = False) -> list[schema.LayerSize]:
    return [
        schema.LayerSize(
            diff_id=layer.diff_id,
            size=layer.size,
            created_by=layer.created_by,
            shared=layer.shared if shared else UNSET,
        )
        for layer in layers
    ]


def _file_difference(file: FileDifference) -> schema.FileDifference:
    return schema.FileDifference(
        path=file.path,
        before=_state(file.before),
        after=_state(file.after),
        changed=list(file.changed),
    )


def _state(state: FileState | None) -> schema.FileState | None:
    if state is None:
        return None
    return schema.FileState(
        mode=state.permissions,
        uid=state.uid,
        gid=state.gid,
        size=state.size,
        modified=format_timestamp_ns(state.mtime_ns),
        link=state.link or UNSET,
        digest=state.digest or UNSET,
        layer=state.layer,
    )


def files_json(listing: Listing) -> schema.ImageFiles:
    """Write an image's files."""
    return schema.ImageFiles(
        layers=_layers(listing.layers),
        files=[
            schema.ListedFile(
                path=file.path, state=_state(file.state), layer=file.layer, hidden=file.hidden
            )
            for file in listing.files
        ],
    )


def waste_json(waste: Waste) -> schema.ImageWaste:
    """Write what an image wastes."""
    return schema.ImageWaste(
        total=waste.total,
        wasted=waste.wasted,
        efficiency=round(waste.efficiency, 6),
        layers=[_wasteful(layer) for layer in waste.layers],
        advice=list(waste.advice),
    )


def _wasteful(layer: WastefulLayer) -> schema.WastefulLayer:
    return schema.WastefulLayer(
        layer=layer.layer,
        diff_id=layer.diff_id,
        created_by=layer.created_by,
        size=layer.size,
        wasted=layer.wasted,
        files=[
            schema.WastedFile(
                path=file.path, kind=file.kind.value, size=file.size, layer=file.layer
            )
            for file in layer.files
        ],
        advice=list(layer.advice),
    )


def mount_json(mount: ImageMount, image: Image | None) -> schema.ImageMount:
    """Write a mount of an image."""
    return schema.ImageMount(
        id=mount.id,
        image=mount.image_id,
        tags=list(image.repo_tags) if image else [],
        target=mount.target,
        created=timestamp(mount.created_at_ns),
    )
