"""Configuration networks: they only hold what other networks are made from (Docker's words)."""

from dataclasses import replace

from boxship.engine.networks.context import NetworkContext
from boxship.engine.networks.ipam import check_pool
from boxship.engine.networks.network import Network, NetworkSpec
from boxship.errors import ForbiddenError, NotFoundError


def check_configuration(spec: NetworkSpec) -> NetworkSpec:
    """Return what a configuration network is stored as. Raises ForbiddenError."""
    if spec.ingress or spec.internal or spec.attachable:
        raise ForbiddenError(
            "configuration network can only contain network specific fields. Network operator "
            "fields like [ ingress | internal | attachable | scope ] are not supported."
        )
    if spec.config_from:
        raise ForbiddenError(
            "a configuration network cannot depend on another configuration network"
        )
    for pool in spec.pools:
        check_pool(pool, ())
    return replace(spec, driver="null")


def resolve(context: NetworkContext, spec: NetworkSpec) -> NetworkSpec:
    """Return a request with the configuration of the network that it names.

    Raises NotFoundError and ForbiddenError.
    """
    if not spec.config_from:
        return spec
    if spec.pools or spec.options or spec.labels or spec.ipam_options:
        raise ForbiddenError(
            "user specified configurations are not supported if the network depends on a "
            "configuration network"
        )
    found = context.named(spec.config_from)
    if found is None or not found.config_only:
        raise NotFoundError(f'configuration network "{spec.config_from}" not found')
    return replace(
        spec,
        ipv4=found.ipv4,
        ipv6=found.ipv6,
        pools=found.pools,
        ipam_driver=found.ipam_driver,
        ipam_options=found.ipam_options,
        options=found.options,
        labels=found.labels,
    )


def check_unused(context: NetworkContext, network: Network) -> None:
    """Raise ForbiddenError while a network depends on this configuration."""
    users = context.networks.values()
    if network.config_only and any(other.config_from == network.name for other in users):
        raise ForbiddenError(f'configuration network "{network.name}" is in use')
