"""What registries told, as Docker's JSON."""

from msgspec import UNSET

from boxship.api.schema import distribution as schema
from boxship.engine.registry.questions import Distribution
from boxship.engine.registry.search import Found


def distribution_json(found: Distribution) -> schema.DistributionInspect:
    """Write what a registry has under a name."""
    return schema.DistributionInspect(
        descriptor=schema.RemoteDescriptor(
            media_type=found.descriptor.media_type,
            digest=found.descriptor.digest,
            size=found.descriptor.size,
            annotations=found.descriptor.annotations or UNSET,
        ),
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


def search_json(found: Found) -> schema.SearchResult:
    """Write one repository."""
    return schema.SearchResult(
        star_count=found.stars,
        is_official=found.official,
        name=found.name,
        is_automated=found.automated,
        description=found.description,
    )
