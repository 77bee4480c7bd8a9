"""The routing socket against the kernel."""

from collections.abc import Iterator

import pytest

from boxship.linux.netlink.link import LinkSettings, create_bridge, delete_link, list_links
from boxship.linux.netlink.socket import RouteSocket

_MANY = 60  # more than one answer of the kernel holds


@pytest.fixture
def routes() -> Iterator[RouteSocket]:
    """A socket of the run's network namespace, in which there are many links."""
    names = [f"many{number}" for number in range(_MANY)]
    with RouteSocket() as routes:
        routes.request([create_bridge(LinkSettings(name=name)) for name in names])
        yield routes
        routes.request([delete_link(routes.link_index(name)) for name in names])


def test_a_list_that_is_left_early_does_not_stand_in_the_way_of_the_next(
    routes: RouteSocket,
) -> None:
    assert next(iter(list_links(routes))).name == "lo"
    assert len([link for link in list_links(routes) if link.name.startswith("many")]) == _MANY
