"""A pull that the end of the daemon cuts off: the next one fetches only what is missing."""

import os
import socket
from collections.abc import Callable, Iterator

import pytest

from tests.engine.images.hostile import Exchange, HostileRegistry, once
from tests.support.daemon import Daemon
from tests.support.images import image_for, layer
from tests.support.waiting import wait_until

MIB = 1 << 20
StartDaemon = Callable[..., Daemon]


@pytest.fixture
def hostile() -> Iterator[HostileRegistry]:
    """A registry with an image of two layers."""
    small, large = layer({"small": "s" * 1000}), layer({"large": os.urandom(4 * MIB)})
    registry = HostileRegistry(image_for("linux", small, large))
    yield registry
    registry.close()


@pytest.mark.parametrize("end", [Daemon.stop, Daemon.kill])
def test_a_pull_goes_on_after_a_restart(
    start_daemon: StartDaemon, hostile: HostileRegistry, end: Callable[[Daemon], object]
) -> None:
    daemon = start_daemon(config={"shutdown-timeout": 0})
    small, large = hostile.image.layer_digests
    data = hostile.image.blobs[large]

    def stall(exchange: Exchange) -> bool:
        exchange.truncated(data, 3 * MIB, stall=True)
        return True

    hostile.hooks[large] = once(stall)
    target = f"/images/create?fromImage={hostile.host}/app&tag=1"
    client = socket.socket(socket.AF_UNIX)
    client.connect(str(daemon.socket))
    client.sendall(f"POST {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    content = daemon.data_root / "content"
    whole = content / "blobs/sha256" / small.removeprefix("sha256:")
    wait_until(lambda: whole.exists() and partial_size(daemon) >= 2 * MIB)
    end(daemon)
    client.close()
    daemon.start()
    assert whole.exists()
    begun = len(hostile.requests)
    status, _ = daemon.request("POST", target)
    assert status == 200
    asked = [
        (path.rpartition("/")[2], headers.get("range"))
        for _, path, headers in hostile.requests[begun:]
        if "/blobs/" in path
    ]
    ((digest, wanted),) = asked
    assert digest == large
    assert wanted is not None
    assert int(wanted.removeprefix("bytes=").rstrip("-")) >= 2 * MIB
    assert daemon.get(f"/images/{hostile.name}/json")["Id"] == hostile.image.config_digest
    assert daemon.request("DELETE", f"/images/{hostile.name}")[0] == 200


def partial_size(daemon: Daemon) -> int:
    """Bytes of the largest download that is not whole."""
    found = (daemon.data_root / "content/ingest").glob("*")
    return max((path.stat().st_size for path in found), default=0)
