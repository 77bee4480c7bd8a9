from boxship.engine.containers.container import Container, ContainerConfig, HostConfig
from boxship.engine.containers.links import is_legacy, variables

ADDRESS = "172.17.0.2"


def target(*ports: str, env: tuple[str, ...] = ()) -> Container:
    return Container(
        id="1" * 64,
        name="web",
        created_at_ns=0,
        config=ContainerConfig(image="busybox", exposed_ports=ports, env=env),
        host=HostConfig(),
        endpoints=(),
        mounts=(),
        image_id="",
        image_platform="linux/amd64",
        runtime="crun",
        path="true",
        args=(),
    )


def told(alias: str, linked: Container) -> list[str]:
    return list(variables(f"/app/{alias}", alias, ADDRESS, linked))


def test_without_ports_only_the_name_and_the_environment_are_told() -> None:
    env = ("FOO=1", "PATH=/bin", "HOME=/root", "BARE", "EMPTY=")
    assert told("my-web", target(env=env)) == [
        "MY_WEB_NAME=/app/my-web",
        "MY_WEB_ENV_FOO=1",
        "MY_WEB_ENV_EMPTY=",
    ]


def test_one_port() -> None:
    assert told("web", target("80/tcp")) == [
        f"WEB_PORT=tcp://{ADDRESS}:80",
        f"WEB_PORT_80_TCP=tcp://{ADDRESS}:80",
        f"WEB_PORT_80_TCP_ADDR={ADDRESS}",
        "WEB_PORT_80_TCP_PORT=80",
        "WEB_PORT_80_TCP_PROTO=tcp",
        "WEB_NAME=/app/web",
    ]


def test_neighbouring_ports_are_a_range_too_and_tcp_comes_first() -> None:
    entries = told("web", target("53/udp", "81/tcp", "80/tcp", "90/tcp"))
    assert entries[0] == f"WEB_PORT=tcp://{ADDRESS}:80"
    assert [entry for entry in entries if "_START" in entry or "_END" in entry] == [
        f"WEB_PORT_80_TCP_START=tcp://{ADDRESS}:80",
        "WEB_PORT_80_TCP_PORT_START=80",
        f"WEB_PORT_80_TCP_END=tcp://{ADDRESS}:81",
        "WEB_PORT_80_TCP_PORT_END=81",
    ]
    assert f"WEB_PORT_53_UDP=udp://{ADDRESS}:53" in entries


def test_only_the_default_bridge_has_links_of_this_kind() -> None:
    assert is_legacy(HostConfig())
    assert is_legacy(HostConfig(network_mode="bridge"))
    assert not is_legacy(HostConfig(network_mode="mine"))
