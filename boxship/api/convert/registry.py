"""How registries are reached, as ``/info`` tells it."""

from typing import Final

from msgspec import UNSET, UnsetType

from boxship.api.schema.system import IndexInfo, RegistryInfo
from boxship.api.versions import ApiVersion
from boxship.engine.config import RegistryConfig

_DOCKER_HUB: Final = "docker.io"
_LOOPBACK: Final = ("::1/128", "127.0.0.0/8")


def registry_json(config: RegistryConfig, version: ApiVersion) -> RegistryInfo:
    """Write the registry configuration; loopback is always insecure, as in Docker."""
    networks = [entry for entry in config.insecure if "/" in entry]
    hosts = [entry for entry in config.insecure if "/" not in entry]
    mirrors = list(config.mirrors)
    hub = IndexInfo(name=_DOCKER_HUB, mirrors=mirrors, secure=True, official=True)
    indexes = {_DOCKER_HUB: hub} | {
        host: IndexInfo(name=host, mirrors=[], secure=False, official=False) for host in hosts
    }
    old: list[str] | UnsetType = [] if version < (1, 47) else UNSET
    return RegistryInfo(
        insecure_registry_cidrs=[*_LOOPBACK, *networks],
        index_configs=indexes,
        mirrors=mirrors or None,
        allow_nondistributable_artifacts_cidrs=old,
        allow_nondistributable_artifacts_hostnames=old,
    )
