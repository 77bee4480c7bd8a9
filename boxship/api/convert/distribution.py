"""What registries told, as Docker's JSON."""

from msgspec import UNSET, Raw

from boxship.api.schema import distribution as schema
from boxship.engine.images.attestations import Attestation
from boxship.engine.registry.questions import Distribution
from boxship.engine.registry.search import Found
from boxship.oci.descriptor import Descriptor


def distribution_json(found: Distribution) -> schema.DistributionInspect:
    """Write what a registry has under a name."""
    return schema.DistributionInspect(
        descriptor=_descriptor(found.descriptor),
        platforms=[
            schema.Platform(
                architecture=platform.architecture,
                os=platform.os,
                os_version=platform.os_version or UNSET,
                variant=platform.variant or UNSET,
            )
            for platform in found.platforms
        ],
    )


def _descriptor(descriptor: Descriptor) -> schema.RemoteDescriptor:
    return schema.RemoteDescriptor(
        media_type=descriptor.media_type,
        digest=descriptor.digest,
        size=descriptor.size,
        annotations=descriptor.annotations or UNSET,
    )


def attestation_json(found: Attestation) -> schema.AttestationStatement:
    """Write one statement."""
    return schema.AttestationStatement(
        descriptor=_descriptor(found.descriptor),
        predicate_type=found.predicate_type,
        statement=Raw(found.statement) if found.statement else UNSET,
    )


def search_json(found: Found) -> schema.SearchResult:
    """Write one repository."""
    return schema.SearchResult(
        star_count=found.stars,
        is_official=found.official,
        name=found.name,
        is_automated=found.automated,
        description=found.description,
    )
