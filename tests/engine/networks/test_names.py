"""Names of containers on user-defined networks, asked for with real resolver queries."""

import asyncio
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from boxship.engine.networks.network import NetworkSpec, Pool
from boxship.engine.networks.sandbox import EndpointSpec, Sandbox
from boxship.linux import netns
from boxship.wire import dns
from tests.engine.networks.conftest import LAN_V4, Engine, Host, run
from tests.engine.networks.peers import _in

ANSWER = struct.Struct("!HHIH")


def query(sandbox: Sandbox, name: str, kind: int = dns.TYPE_A, *, tcp: bool = False) -> bytes:
    """Ask 127.0.0.11 inside a container's namespace; return the whole answer."""
    data = dns.encode_query(7, name, kind)
    with _in(sandbox.netns_path):
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM)
    with sock:
        sock.settimeout(5)
        sock.connect(("127.0.0.11", 53))
        if tcp:
            sock.sendall(struct.pack("!H", len(data)) + data)
            return sock.recv(4096)[2:]
        sock.send(data)
        return sock.recv(4096)


async def ask(*arguments: object, tcp: bool = False) -> bytes:
    return await asyncio.to_thread(query, *arguments, tcp=tcp)  # type: ignore[arg-type]


async def addresses(sandbox: Sandbox, name: str, *, tcp: bool = False) -> set[str]:
    data = await ask(sandbox, name, tcp=tcp)
    if dns.rcode_of(data):
        return set()
    count = struct.unpack_from("!H", data, 6)[0]
    return {socket.inet_ntoa(data[len(data) - 16 * n + 12 :][:4]) for n in range(1, count + 1)}


@pytest.fixture
async def mine(engine: Engine) -> None:
    await engine.networks.create(NetworkSpec(name="mine"))


@pytest.mark.usefixtures("mine")
async def test_names_aliases_and_short_ids(engine: Engine) -> None:
    web = await engine.start("Web", networks=(EndpointSpec(network="mine", aliases=("www",)),))
    asking = await engine.start("asking", networks=("mine",))
    address = {web.endpoints[0].ipv4}
    for name in ("web", "WEB", "www", "web.mine", web.container_id[:12]):
        assert await addresses(asking, name) == address
        assert await addresses(asking, name, tcp=True) == address
    assert Path(asking.files_dir, "resolv.conf").read_text().splitlines()[1:] == [
        "nameserver 127.0.0.11",
        "search example",
        "options ndots:0",
    ]
    none = await ask(asking, "web", dns.TYPE_AAAA)
    assert (dns.rcode_of(none), struct.unpack_from("!H", none, 6)[0]) == (dns.RCODE_NOERROR, 0)
    reverse = ".".join(reversed(web.endpoints[0].ipv4.split("."))) + ".in-addr.arpa"
    assert b"\x03Web\x04mine\0" in await ask(asking, reverse, dns.TYPE_PTR)


@pytest.mark.usefixtures("mine")
async def test_names_come_go_and_change(engine: Engine) -> None:
    asking = await engine.start("asking", networks=("mine",))
    assert dns.rcode_of(await ask(asking, "web")) == dns.RCODE_NXDOMAIN
    shared = EndpointSpec(network="mine", aliases=("pool",))
    one = await engine.start("one", networks=(shared,))
    two = await engine.start("two", networks=(shared,))
    both = {one.endpoints[0].ipv4, two.endpoints[0].ipv4}
    assert await addresses(asking, "pool") == both
    await engine.networks.rename(one.container_id, "web")
    assert await addresses(asking, "web") == {one.endpoints[0].ipv4}
    assert not await addresses(asking, "one")
    await engine.stop(one)
    assert not await addresses(asking, "web")
    assert await addresses(asking, "pool") == {two.endpoints[0].ipv4}


@pytest.mark.usefixtures("mine")
async def test_names_stay_on_their_network(engine: Engine) -> None:
    await engine.networks.create(NetworkSpec(name="other"))
    web = await engine.start("web", networks=("other",))
    asking = await engine.start("asking", networks=("mine",))
    assert not await addresses(asking, "web")
    await engine.networks.connect("other", asking.container_id, EndpointSpec(network="other"))
    assert await addresses(asking, "web") == {web.endpoints[0].ipv4}
    await engine.networks.disconnect("other", asking.container_id)
    assert not await addresses(asking, "web")


@pytest.mark.usefixtures("mine")
async def test_names_are_answered_again_after_a_kill(engine: Engine) -> None:
    web = await engine.start("web", networks=("mine",))
    await engine.kill()
    await engine.open()
    started = time.monotonic()
    await engine.networks.restore(engine.specs)
    assert await addresses(web, "web") == {web.endpoints[0].ipv4}
    assert time.monotonic() - started < 1.0


async def test_a_connected_container_gets_a_server(engine: Engine) -> None:
    spec = NetworkSpec(name="dual", ipv6=True, pools=(Pool(subnet="2001:db8:7::/64"),))
    await engine.networks.create(spec)
    web = await engine.start("web")
    assert "127.0.0.11" not in Path(web.files_dir, "resolv.conf").read_text()
    await engine.networks.connect("dual", web.container_id, EndpointSpec(network="dual"))
    assert "127.0.0.11" in Path(web.files_dir, "resolv.conf").read_text()
    assert await addresses(web, "web") == {"172.18.0.2"}
    assert (await ask(web, "web", dns.TYPE_AAAA)).endswith(
        socket.inet_pton(socket.AF_INET6, "2001:db8:7::2")
    )


@contextmanager
def _name_server(path: Path) -> Iterator[None]:
    """Answer every UDP and TCP query on the LAN with 203.0.113.9."""
    namespace = netns.open_pinned(path)
    with netns.inside(namespace.fd):
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        udp.bind((LAN_V4, 53))
    namespace.close()

    def serve() -> None:
        while True:
            data, client = udp.recvfrom(512)
            if data == b"stop":
                return
            answer = dns.encode_answer(
                dns.parse_query(data), 0, [dns.address_record("203.0.113.9", 60)]
            )
            udp.sendto(answer, client)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield
    finally:
        with _in(path), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.sendto(b"stop", (LAN_V4, 53))
        thread.join()
        udp.close()


@pytest.mark.usefixtures("mine")
async def test_other_names_are_forwarded(engine: Engine, host: Host) -> None:
    """The first server of the host's list, on its loopback, is dead: the next one answers."""
    await engine.networks.create(NetworkSpec(name="inner", internal=True))
    asking = await engine.start("asking", networks=("mine",))
    shut_in = await engine.start("shut-in", networks=("inner",))
    with _name_server(host.lan):
        assert await addresses(asking, "example.org") == {"203.0.113.9"}
        assert dns.rcode_of(await ask(shut_in, "example.org")) == dns.RCODE_SERVFAIL
    started = time.monotonic()
    assert dns.rcode_of(await ask(asking, "nowhere")) == dns.RCODE_NXDOMAIN
    assert time.monotonic() - started < 0.5
    assert dns.rcode_of(await ask(asking, "example.net")) == dns.RCODE_SERVFAIL
    # Kept for as long as the server said, for those who ask the same servers.
    assert await addresses(asking, "Example.org") == {"203.0.113.9"}
    assert dns.rcode_of(await ask(shut_in, "example.org")) == dns.RCODE_SERVFAIL


@pytest.mark.usefixtures("mine")
async def test_services(engine: Engine) -> None:
    alias = EndpointSpec(network="mine", aliases=("www",))
    for name in ("one", "two"):
        await engine.start(name, networks=(alias,))
    asking = await engine.start("asking", networks=("mine",))
    answer = await ask(asking, "_8080._tcp.www", dns.TYPE_SRV)
    for name in ("one.mine", "two.mine"):
        assert struct.pack("!HHH", 0, 0, 8080) + dns.encode_name(name) in answer
    answer = await ask(asking, "_domain._udp.one", dns.TYPE_SRV)
    assert struct.pack("!HHH", 0, 0, 53) + dns.encode_name("one.mine") in answer


@pytest.mark.usefixtures("mine")
async def test_a_container_may_serve_dns_itself(engine: Engine) -> None:
    web = await engine.start("web", networks=("mine",))
    with _in(web.netns_path), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own:
        own.bind(("0.0.0.0", 53))
        assert await addresses(web, "web")


@pytest.mark.usefixtures("mine")
async def test_the_c_library_finds_a_container(engine: Engine) -> None:
    web = await engine.start("web", networks=("mine",))
    resolv = Path(web.files_dir, "resolv.conf")
    script = f"mount --bind {resolv} /etc/resolv.conf && getent ahostsv4 web"
    command = ("nsenter", f"--net={web.netns_path}", "unshare", "-m", "sh", "-c", script)
    assert web.endpoints[0].ipv4 in await asyncio.to_thread(run, *command)
