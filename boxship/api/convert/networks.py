"""Networks between Docker's JSON and the domain."""

from collections.abc import Iterable

from msgspec import UNSET

from boxship.api.convert.times import timestamp
from boxship.api.schema import networks as schema
from boxship.api.versions import ApiVersion
from boxship.engine.networks.explain import Explanation
from boxship.engine.networks.network import Member, Network, NetworkSpec, Pool


def network_spec(body: schema.NetworkCreateBody) -> NetworkSpec:
    """Read what a network is to be."""
    ipam = body.ipam or schema.Ipam()
    return NetworkSpec(
        name=body.name,
        driver=body.driver or "bridge",
        internal=body.internal,
        attachable=body.attachable,
        ingress=body.ingress,
        ipv4=body.enable_ipv4 is not False,
        ipv6=body.enable_ipv6 is True,
        pools=tuple(_pool(item) for item in ipam.config or ()),
        ipam_driver=ipam.driver or "default",
        ipam_options=ipam.options or {},
        options=body.options or {},
        labels=body.labels or {},
        config_only=body.config_only,
        config_from=body.config_from.network if body.config_from else "",
    )


def _pool(item: schema.IpamPool) -> Pool:
    return Pool(
        subnet=item.subnet or "",
        ip_range=item.ip_range or "",
        gateway=item.gateway or "",
        aux_addresses=item.auxiliary_addresses or {},
    )


def network_json(
    network: Network, members: Iterable[Member] | None, version: ApiVersion
) -> schema.Network:
    """Write a network; ``members`` only when it is inspected."""
    return schema.Network(
        name=network.name,
        id=network.id,
        created=timestamp(network.created_at_ns),
        scope=network.scope,
        driver=network.driver,
        enable_ipv4=network.ipv4 if version >= (1, 48) else UNSET,
        enable_ipv6=network.ipv6,
        ipam=schema.Ipam(
            driver=network.ipam_driver,
            options=dict(network.ipam_options) or None,
            config=[_pool_json(pool) for pool in network.pools],
        ),
        internal=network.internal,
        attachable=network.attachable,
        ingress=network.ingress,
        config_from=schema.ConfigReference(network=network.config_from),
        config_only=network.config_only,
        containers={} if members is None else {m.container_id: _member(m) for m in members},
        options=dict(network.options),
        labels=dict(network.labels),
    )


def _pool_json(pool: Pool) -> schema.IpamPool:
    return schema.IpamPool(
        subnet=pool.subnet or UNSET,
        ip_range=pool.ip_range or UNSET,
        gateway=pool.gateway or UNSET,
        auxiliary_addresses=dict(pool.aux_addresses) or UNSET,
    )


def _member(member: Member) -> schema.NetworkContainer:
    return schema.NetworkContainer(
        name=member.container_name,
        endpoint_id=member.endpoint_id,
        mac_address=member.mac_address,
        ipv4_address=member.ipv4,
        ipv6_address=member.ipv6,
    )


def explanation_json(found: Explanation) -> schema.NetworkExplanation:
    """Write from where a port is reached."""
    return schema.NetworkExplanation(
        container=found.container,
        port=found.port,
        protocol=found.protocol,
        ways=[
            schema.NetworkWay(
                source=way.source, to=way.address, open=way.open, reason=way.reason, rule=way.rule
            )
            for way in found.ways
        ],
        notes=list(found.notes),
    )
