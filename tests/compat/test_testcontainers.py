"""testcontainers-python as an unmodified client, without its reaper (Ryuk), an image of its own.

The images are not Redis and PostgreSQL. They are busybox with a script that writes the lines to
which such images are usually waited for, and that speaks as much of their protocols as shows that
a client got through.
"""

import socket
from collections.abc import Iterator

import pytest
from testcontainers.core.config import ConnectionMode, testcontainers_config
from testcontainers.core.container import DockerContainer
from testcontainers.core.network import Network
from testcontainers.core.wait_strategies import (
    CompositeWaitStrategy,
    LogMessageWaitStrategy,
    PortWaitStrategy,
)

from boxship.entrypoints import base_image
from boxship.oci.image import ExecutionConfig
from tests.support import images
from tests.support.daemon import Daemon
from tests.support.registry import Registry, push_image

_REDIS_PORT, _POSTGRES_PORT = 6379, 5432
_POLL_S = 0.05

_REDIS = f"""#!/bin/sh
echo "1:M 01 Jan 2026 00:00:00.000 * Ready to accept connections tcp"
exec nc -ll -p {_REDIS_PORT} -e /answer
"""
_REDIS_ANSWER = """#!/bin/sh
while read -r word; do
  case $word in PING*) printf '+PONG\\r\\n' ;; *) printf -- '-ERR\\r\\n' ;; esac
done
"""
_POSTGRES = f"""#!/bin/sh
[ -n "$POSTGRES_PASSWORD" ] || {{ echo "Database is uninitialized" >&2; exit 1; }}
echo "LOG:  database system is ready to accept connections" >&2
echo "PostgreSQL init process complete; ready for start up."
echo "LOG:  database system is ready to accept connections" >&2
exec nc -ll -p {_POSTGRES_PORT} -e /answer
"""
_POSTGRES_ANSWER = "#!/bin/sh\nhead -c 8 >/dev/null && printf N\n"
_SSL_REQUEST = b"\x00\x00\x00\x08\x04\xd2\x16\x2f"  # PostgreSQL: Frontend/Backend Protocol, SSL


@pytest.fixture(scope="module", autouse=True)
def _images(registry: Registry) -> None:
    for name, port, script, answer in (
        ("redis-like", _REDIS_PORT, _REDIS, _REDIS_ANSWER),
        ("postgres-like", _POSTGRES_PORT, _POSTGRES, _POSTGRES_ANSWER),
    ):
        config = ExecutionConfig(
            env=[base_image.PATH], cmd=["/serve"], exposed_ports={f"{port}/tcp": {}}
        )
        made = images.image(images.layer({"serve": script, "answer": answer}), config=config)
        push_image(registry, f"library/{name}", made)


@pytest.fixture(autouse=True)
def _settings(daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    """What its users set: no reaper, and where the ports of this engine are."""
    monkeypatch.setenv("DOCKER_HOST", daemon.host)
    monkeypatch.setattr(testcontainers_config, "ryuk_disabled", True)
    monkeypatch.setattr(testcontainers_config, "tc_host_override", "127.0.0.1")
    mode = ConnectionMode.docker_host
    monkeypatch.setattr(testcontainers_config, "connection_mode_override", mode)


def _ready(line: str, port: int, times: int = 1) -> CompositeWaitStrategy:
    log = LogMessageWaitStrategy(line, times=times).with_poll_interval(_POLL_S)
    return CompositeWaitStrategy(log, PortWaitStrategy(port).with_poll_interval(_POLL_S))


@pytest.fixture
def redis() -> Iterator[DockerContainer]:
    """A container that answers PING, ready."""
    container = DockerContainer("redis-like").with_exposed_ports(_REDIS_PORT)
    with container.waiting_for(_ready("Ready to accept connections", _REDIS_PORT)) as started:
        yield started


def _ask(container: DockerContainer, port: int, question: bytes, size: int) -> bytes:
    host, mapped = container.get_container_host_ip(), container.get_exposed_port(port)
    with socket.create_connection((host, mapped), timeout=10) as client:
        client.sendall(question)
        return client.recv(size, socket.MSG_WAITALL)


def test_redis_like(redis: DockerContainer) -> None:
    assert _ask(redis, _REDIS_PORT, b"PING\r\n", 7) == b"+PONG\r\n"
    ended = redis.exec(["sh", "-c", "echo inside; exit 3"])
    assert (ended.exit_code, ended.output) == (3, b"inside\n")
    told, complained = redis.get_logs()
    assert b"Ready to accept connections" in told
    assert complained == b""


def test_postgres_like(daemon: Daemon) -> None:
    line = "database system is ready to accept connections"
    container = DockerContainer("postgres-like").with_exposed_ports(_POSTGRES_PORT)
    container.with_env("POSTGRES_PASSWORD", "secret").with_tmpfs_mount("/var/lib/data", "size=16m")
    container.with_copy_into_container(b"select 1;", "/init.sql")
    with container.waiting_for(_ready(line, _POSTGRES_PORT, times=2)) as started:
        assert _ask(started, _POSTGRES_PORT, _SSL_REQUEST, 1) == b"N"
        assert started.exec("cat /init.sql").output == b"select 1;"
        made = started.get_container_id()
        assert daemon.get(f"/containers/{made}/json")["State"]["Running"]
    assert daemon.request("GET", f"/containers/{made}/json")[0] == 404


def test_a_container_that_ends_before_it_is_ready_is_told_at_once() -> None:
    container = DockerContainer("postgres-like").with_exposed_ports(_POSTGRES_PORT)
    waiting = container.waiting_for(LogMessageWaitStrategy("ready").with_poll_interval(_POLL_S))
    with pytest.raises(RuntimeError, match="exited"), waiting:
        pass


def test_networks_and_aliases(busybox: str) -> None:
    with Network() as network:
        server = DockerContainer("redis-like").with_exposed_ports(_REDIS_PORT)
        server.with_network(network).with_network_aliases("cache")
        with server.waiting_for(_ready("Ready to accept connections", _REDIS_PORT)):
            client = DockerContainer(busybox).with_network(network).with_command("sleep 600")
            with client as started:
                asking = f"printf 'PING\\r\\n' | nc -w 5 cache {_REDIS_PORT}"
                assert started.exec(["sh", "-c", asking]).output == b"+PONG\r\n"
