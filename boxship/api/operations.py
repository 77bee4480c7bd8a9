"""The operations of the API, one row each.

A row ``ContainerStop`` is served by the coroutine ``container_stop`` of ``routes/<module>.py``,
imported at its first call. In a path ``{name}`` matches one segment, ``{name*}`` one or more (image
names contain slashes). One name runs through all layers: ContainerStop, container_stop,
containers.stop.
"""

import re
from typing import Final, NamedTuple

_WORD_START = re.compile(r"(?<!^)(?=[A-Z])")


class Operation(NamedTuple):
    """One operation of the API.

    ``follows`` marks operations that stream or wait: when their client goes away, the handler is
    cancelled. Any other handler runs to its end, so that a change is never left half done.
    """

    name: str
    method: str
    path: str
    module: str
    follows: bool = False

    @property
    def handler_name(self) -> str:
        """The coroutine's name: ``ContainerStop`` -> ``container_stop``."""
        return _WORD_START.sub("_", self.name).lower()


def _rows(module: str, *rows: tuple[str, str, str]) -> tuple[Operation, ...]:
    return tuple(
        Operation(name.removesuffix("…"), method, path, module, name.endswith("…"))
        for name, method, path in rows
    )


# A name that ends in … streams or waits (``Operation.follows``).
OPERATIONS: Final[tuple[Operation, ...]] = (
    *_rows(
        "system",
        ("SystemPing", "GET", "/_ping"),
        ("SystemPingHead", "HEAD", "/_ping"),
        ("SystemVersion", "GET", "/version"),
        ("SystemInfo", "GET", "/info"),
        ("SystemEvents…", "GET", "/events"),
        ("SystemDataUsage…", "GET", "/system/df"),
        ("SystemAuth…", "POST", "/auth"),
    ),
    *_rows(
        "containers",
        ("ContainerList", "GET", "/containers/json"),
        ("ContainerCreate", "POST", "/containers/create"),
        ("ContainerInspect", "GET", "/containers/{id}/json"),
        ("ContainerTop", "GET", "/containers/{id}/top"),
        ("ContainerChanges", "GET", "/containers/{id}/changes"),
        ("ContainerResize", "POST", "/containers/{id}/resize"),
        ("ContainerStart", "POST", "/containers/{id}/start"),
        ("ContainerStop", "POST", "/containers/{id}/stop"),
        ("ContainerRestart", "POST", "/containers/{id}/restart"),
        ("ContainerKill", "POST", "/containers/{id}/kill"),
        ("ContainerUpdate", "POST", "/containers/{id}/update"),
        ("ContainerRename", "POST", "/containers/{id}/rename"),
        ("ContainerPause", "POST", "/containers/{id}/pause"),
        ("ContainerUnpause", "POST", "/containers/{id}/unpause"),
        ("ContainerDelete", "DELETE", "/containers/{id*}"),
        ("ContainerPrune", "POST", "/containers/prune"),
    ),
    *_rows(
        "container_streams",
        ("ContainerLogs…", "GET", "/containers/{id}/logs"),
        ("ContainerExport…", "GET", "/containers/{id}/export"),
        ("ContainerStats…", "GET", "/containers/{id}/stats"),
        ("ContainerAttach…", "POST", "/containers/{id}/attach"),
        ("ContainerAttachWebsocket…", "GET", "/containers/{id}/attach/ws"),
        ("ContainerWait…", "POST", "/containers/{id}/wait"),
    ),
    *_rows(
        "archive",
        ("ContainerArchiveInfo", "HEAD", "/containers/{id}/archive"),
        ("ContainerArchive…", "GET", "/containers/{id}/archive"),
        ("PutContainerArchive", "PUT", "/containers/{id}/archive"),
    ),
    *_rows(
        "exec",
        ("ExecCreate", "POST", "/containers/{id}/exec"),
        ("ExecStart…", "POST", "/exec/{id}/start"),
        ("ExecResize", "POST", "/exec/{id}/resize"),
        ("ExecInspect", "GET", "/exec/{id}/json"),
    ),
    *_rows(
        "images",
        ("ImageList", "GET", "/images/json"),
        ("ImageCreate…", "POST", "/images/create"),
        ("ImageInspect", "GET", "/images/{name*}/json"),
        ("ImageHistory", "GET", "/images/{name*}/history"),
        ("ImageTag", "POST", "/images/{name*}/tag"),
        ("ImageDelete", "DELETE", "/images/{name*}"),
        ("ImagePrune", "POST", "/images/prune"),
        ("ImageGet…", "GET", "/images/{name*}/get"),
        ("ImageGetAll…", "GET", "/images/get"),
        ("ImageLoad…", "POST", "/images/load"),
        ("ImagePush…", "POST", "/images/{name*}/push"),
    ),
    *_rows("commit", ("ImageCommit", "POST", "/commit")),
    *_rows(
        "image_extras",
        ("ImageDiff…", "GET", "/boxship/images/{name*}/diff"),
        ("ImageFiles…", "GET", "/boxship/images/{name*}/files"),
        ("ImageWaste…", "GET", "/boxship/images/{name*}/waste"),
        ("ImageSquash…", "POST", "/boxship/images/{name*}/squash"),
        ("ImageMount", "POST", "/boxship/images/{name*}/mount"),
        ("ImageMounts", "GET", "/boxship/images/mounts"),
        ("ImageUnmount", "POST", "/boxship/images/unmount"),
        ("ImageBootstrap…", "POST", "/boxship/images/bootstrap"),
    ),
    *_rows(
        "distribution",
        ("DistributionInspect…", "GET", "/distribution/{name*}/json"),
        ("ImageSearch…", "GET", "/images/search"),
        ("ImageAttestations", "GET", "/images/{name*}/attestations"),
        ("RegistryManifest…", "GET", "/boxship/registry/manifest"),
        ("PutRegistryManifest", "PUT", "/boxship/registry/manifest"),
        ("RegistryDocument…", "GET", "/boxship/registry/document"),
        ("RegistryCopy…", "POST", "/boxship/registry/copy"),
    ),
    *_rows(
        "networks",
        ("NetworkList", "GET", "/networks"),
        ("NetworkInspect", "GET", "/networks/{id*}"),
        ("NetworkDelete", "DELETE", "/networks/{id*}"),
        ("NetworkCreate", "POST", "/networks/create"),
        ("NetworkExplain", "GET", "/boxship/networks/explain"),
        ("NetworkConnect", "POST", "/networks/{id*}/connect"),
        ("NetworkDisconnect", "POST", "/networks/{id*}/disconnect"),
        ("NetworkPrune", "POST", "/networks/prune"),
    ),
    *_rows(
        "swarm",
        ("SwarmInspect", "GET", "/swarm"),
        ("SwarmInit", "POST", "/swarm/init"),
        ("SwarmJoin", "POST", "/swarm/join"),
        ("SwarmLeave", "POST", "/swarm/leave"),
        ("SwarmUpdate", "POST", "/swarm/update"),
        ("SwarmUnlock", "POST", "/swarm/unlock"),
        ("SwarmUnlockKey", "GET", "/swarm/unlockkey"),
        ("NodeList", "GET", "/nodes"),
        ("NodeInspect", "GET", "/nodes/{id}"),
        ("NodeDelete", "DELETE", "/nodes/{id}"),
        ("NodeUpdate", "POST", "/nodes/{id}/update"),
        ("ServiceList", "GET", "/services"),
        ("ServiceCreate", "POST", "/services/create"),
        ("ServiceInspect", "GET", "/services/{id}"),
        ("ServiceDelete", "DELETE", "/services/{id}"),
        ("ServiceUpdate", "POST", "/services/{id}/update"),
        ("ServiceLogs", "GET", "/services/{id}/logs"),
        ("TaskList", "GET", "/tasks"),
        ("TaskInspect", "GET", "/tasks/{id}"),
        ("TaskLogs", "GET", "/tasks/{id}/logs"),
        ("SecretList", "GET", "/secrets"),
        ("SecretCreate", "POST", "/secrets/create"),
        ("SecretInspect", "GET", "/secrets/{id}"),
        ("SecretDelete", "DELETE", "/secrets/{id}"),
        ("SecretUpdate", "POST", "/secrets/{id}/update"),
        ("ConfigList", "GET", "/configs"),
        ("ConfigCreate", "POST", "/configs/create"),
        ("ConfigInspect", "GET", "/configs/{id}"),
        ("ConfigDelete", "DELETE", "/configs/{id}"),
        ("ConfigUpdate", "POST", "/configs/{id}/update"),
    ),
    *_rows(
        "volume_extras",
        ("VolumeCopy", "POST", "/boxship/volumes/{name}/copy"),
        ("VolumeRestore", "POST", "/boxship/volumes/{name}/restore"),
        ("VolumeRename", "POST", "/boxship/volumes/{name}/rename"),
        ("VolumeDiff…", "GET", "/boxship/volumes/{name}/diff"),
        ("VolumeArchive…", "GET", "/boxship/volumes/{name}/archive"),
        ("PutVolumeArchive", "PUT", "/boxship/volumes/{name}/archive"),
    ),
    *_rows(
        "volumes",
        ("VolumeList", "GET", "/volumes"),
        ("VolumeCreate", "POST", "/volumes/create"),
        ("VolumeInspect", "GET", "/volumes/{name*}"),
        ("VolumeUpdate", "PUT", "/volumes/{name*}"),
        ("VolumeDelete", "DELETE", "/volumes/{name*}"),
        ("VolumePrune", "POST", "/volumes/prune"),
    ),
)
