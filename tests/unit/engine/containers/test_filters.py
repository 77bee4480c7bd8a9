import pytest

from boxship.engine.containers.container import (
    Container,
    ContainerConfig,
    ContainerState,
    HostConfig,
    MountPoint,
    Status,
)
from boxship.engine.containers.filters import ListQuery, select_containers
from boxship.engine.networks.sandbox import Endpoint, EndpointSpec, PublishedPort, Sandbox
from boxship.errors import InvalidParameterError, NotFoundError

IMAGE = "sha256:" + "ab" * 32


def container(number: int, name: str, status: Status, **config: object) -> Container:
    state = ContainerState(status=status, exit_code=int(config.pop("exit_code", 0)))  # type: ignore[call-overload]
    return Container(
        id=f"{number:064x}",
        name=name,
        created_at_ns=number,
        config=ContainerConfig(image="busybox", **config),  # type: ignore[arg-type]
        host=HostConfig(network_mode="front" if name == "web" else "bridge"),
        endpoints=(EndpointSpec(network="front" if name == "web" else "bridge"),),
        mounts=(MountPoint(type="volume", destination="/data", source="/v/d/_data", name="data"),)
        if name == "db"
        else (),
        image_id=IMAGE,
        image_platform="linux/amd64",
        runtime="crun",
        path="sh",
        args=(),
        state=state,
    )


class Store:
    def __init__(self, containers: list[Container]) -> None:
        self._containers = containers

    def all(self) -> list[Container]:
        return list(self._containers)

    def get(self, reference: str) -> Container:
        for item in self._containers:
            if item.name == reference:
                return item
        raise NotFoundError(f"No such container: {reference}")


class Sandboxes:
    def sandbox(self, container_id: str) -> Sandbox | None:
        if not container_id.endswith("1"):
            return None
        return Sandbox(
            container_id=container_id,
            netns_path="/run/netns/x",
            endpoints=(Endpoint(network_id="feed" * 16, network_name="front", endpoint_id="e"),),
            ports=(PublishedPort(container_port=80, protocol="tcp", host_ip="", host_port=8080),),
        )


STORE = Store(
    [
        container(1, "web", Status.RUNNING, labels={"tier": "front"}, exposed_ports=("80/tcp",)),
        container(2, "db", Status.PAUSED, labels={"tier": "back", "keep": ""}),
        container(3, "job", Status.EXITED, exit_code=3),
        container(4, "new", Status.CREATED),
    ]
)


def names(**query: object) -> list[str]:
    limit, everything = int(query.pop("limit", 0)), bool(query.pop("all", False))  # type: ignore[call-overload]
    filters = {key.replace("_", "-"): value for key, value in query.items()}
    wanted = ListQuery(all=everything, limit=limit, filters=filters)  # type: ignore[arg-type]
    return [item.name for item in select_containers(STORE, Sandboxes(), wanted)]


def test_running_only_unless_asked() -> None:
    assert names() == ["db", "web"]
    assert names(all=True) == ["new", "job", "db", "web"]
    assert names(limit=3) == ["new", "job", "db"]
    assert names(limit=1, all=True) == ["new"]


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({"name": ("^/web$",)}, ["web"]),
        ({"name": ("^web$",)}, ["web"]),
        ({"name": ("[",)}, []),
        ({"name": ("b",)}, ["job", "db", "web"]),
        ({"id": ("0001$",)}, ["web"]),
        ({"label": ("tier",)}, ["db", "web"]),
        ({"label": ("tier=back", "keep")}, ["db"]),
        ({"label": ("tier=back", "gone")}, []),
        ({"status": ("exited",)}, ["job"]),
        ({"status": ("paused", "created")}, ["new", "db"]),
        ({"exited": ("3",)}, ["job"]),
        ({"exited": ("0",)}, []),
        ({"health": ("none",)}, ["new", "job", "db", "web"]),
        ({"health": ("healthy",)}, []),
        ({"ancestor": ("busybox",)}, ["new", "job", "db", "web"]),
        ({"ancestor": ("busybox:1",)}, []),
        ({"ancestor": (IMAGE,)}, ["new", "job", "db", "web"]),
        ({"ancestor": ("abababab",)}, ["new", "job", "db", "web"]),
        ({"volume": ("data",)}, ["db"]),
        ({"volume": ("/data",)}, ["db"]),
        ({"volume": ("dat",)}, []),
        ({"network": ("front",)}, ["web"]),
        ({"network": ("feedfeed",)}, ["web"]),
        ({"network": ("bridge",)}, ["new", "job", "db"]),
        ({"expose": ("80",)}, ["web"]),
        ({"expose": ("70-90/udp",)}, []),
        ({"publish": ("70-90",)}, ["web"]),
        ({"before": ("job",)}, ["db", "web"]),
        ({"since": ("db",)}, ["new", "job"]),
        ({"before": ("new",), "since": ("web",)}, ["job", "db"]),
        ({"is_task": ("false",)}, ["new", "job", "db", "web"]),
        ({"isolation": ("default",)}, ["new", "job", "db", "web"]),
    ],
)
def test_filter(filters: dict[str, tuple[str, ...]], found: list[str]) -> None:
    assert names(all=True, **filters) == found


@pytest.mark.parametrize(
    ("filters", "message"),
    [
        ({"odd": ("x",)}, "invalid filter 'odd'"),
        ({"status": ("odd",)}, "invalid filter 'status=odd'"),
        ({"exited": ("x",)}, "invalid filter 'exited=x'"),
        ({"health": ("odd",)}, "invalid filter 'health=odd'"),
        ({"publish": ("x",)}, "invalid filter 'publish=x'"),
        ({"expose": ("90-80",)}, "invalid filter 'expose=90-80'"),
        ({"is_task": ("maybe",)}, "invalid filter 'is-task=maybe'"),
    ],
)
def test_bad_filter(filters: dict[str, tuple[str, ...]], message: str) -> None:
    with pytest.raises(InvalidParameterError) as caught:
        names(**filters)
    assert str(caught.value) == message


def test_before_an_unknown_container() -> None:
    with pytest.raises(NotFoundError, match="No such container: gone"):
        names(before=("gone",))
