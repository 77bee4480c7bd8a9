"""What interrupted pulls have left, when images are pruned."""

import os

from boxship.engine.images.leases import LeaseStore
from boxship.entrypoints.base_image import digest_of
from tests.engine.images.conftest import House


async def test_pruning_counts_what_interrupted_pulls_have_left(house: House) -> None:
    data = os.urandom(10_000)
    digest = digest_of(data)
    with house.storage.content.writer(digest, len(data)) as writer:
        writer.write(data)
        writer.commit()
    leases = LeaseStore(house.database)
    leases.hold("of-an-engine-that-died", [digest])
    assert (await house.images.plan_prune()).space_reclaimed == len(data)
    assert house.storage.content.has(digest)
    assert leases.held() == {digest}
    assert (await house.images.prune()).space_reclaimed == len(data)
    await house.images.settle()
    assert house.leftovers() == ([], [])
    assert not leases.held()
    assert (await house.images.prune()).space_reclaimed == 0
