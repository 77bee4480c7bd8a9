"""API documents as Go's types would hold them.

JSON has one kind of object and one null; Docker's templates run on Go values, where a map answers
for a missing key, a struct does not, and a nil map prints otherwise than a nil slice. The kind
follows from the name of the field, which in Docker's API is the same wherever it occurs.
"""

from boxship.gotemplate.values import NIL_MAP, NIL_POINTER, NIL_SLICE, Map, Nil

_STRING_MAPS = frozenset(
    {"Annotations", "Data", "DriverOpts", "Labels", "Options", "StorageOpt", "Sysctls", "Tmpfs"}
)
_OTHER_MAPS = frozenset(
    {"Containers", "ExposedPorts", "Networks", "PortBindings", "Ports", "Runtimes", "Volumes"}
)
_SLICES = frozenset(
    {
        "Aliases",
        "Binds",
        "CapAdd",
        "CapDrop",
        "Cmd",
        "DeviceCgroupRules",
        "DeviceRequests",
        "Devices",
        "Dns",
        "DnsOptions",
        "DnsSearch",
        "Entrypoint",
        "Env",
        "ExecIDs",
        "ExtraHosts",
        "GroupAdd",
        "Links",
        "Mounts",
        "OnBuild",
        "RepoDigests",
        "RepoTags",
        "SecurityOpt",
        "Shell",
        "Ulimits",
        "VolumesFrom",
    }
)


class OtherMap(Map):
    """A Go map of something else than strings; its zero value prints as no value."""

    zero = None


def from_json(value: object, name: str = "") -> object:
    """Give the maps and nulls of a decoded document their Go kinds.

    name: the field that holds the value.
    """
    if isinstance(value, dict):
        fields = {key: from_json(item, key) for key, item in value.items()}
        if name in _STRING_MAPS:
            return Map(fields)
        return OtherMap(fields) if name in _OTHER_MAPS else fields
    if isinstance(value, list):
        return [from_json(item, "") for item in value]
    return _null(name) if value is None else value


def _null(name: str) -> Nil | None:
    if name in _STRING_MAPS or name in _OTHER_MAPS:
        return NIL_MAP
    if name in _SLICES:
        return NIL_SLICE
    return NIL_POINTER if name else None
