"""Clients that want their own way with the same few things, at once, for a while.

Nothing may deadlock or fail, no impossible state may show, and nothing may be left at the end.
Chance is seeded: BOXSHIP_SEED repeats a run's choices; ``make soak`` takes longer.
"""

import http.client
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.support.badcalls import surprises, told
from tests.support.daemon import Daemon
from tests.support.soak import seconds, seeded
from tests.support.usage import returns_to, usage
from tests.support.waiting import wait_until

Step = Callable[["Rival"], tuple[int, Any]]
SPARE_NAMESPACES = 8
DEADLINE_S = 60.0
"""How long the last steps may take once the time is up: none of them waits for anything."""


class Rival(threading.Thread):
    """A client that takes one step after another by chance, and notes what must not be."""

    def __init__(self, daemon: Daemon, steps: Sequence[Step], seed: str, until: float) -> None:
        super().__init__(daemon=True)
        self.daemon_process = daemon
        self.chance = random.Random(seed)
        self._steps = steps
        self._until = until
        self.wrong: list[Any] = []
        self.statuses: dict[str, set[int]] = {}
        self.doing = ""

    def run(self) -> None:
        """Take steps until the time is up."""
        while time.monotonic() < self._until:
            step = self.chance.choice(self._steps)
            self.doing = step.__name__
            try:
                status, answer = step(self)
            except Exception as error:
                self.wrong.append((self.doing, repr(error)))
                return
            self.statuses.setdefault(self.doing, set()).add(status)
            if status >= 500:
                self.wrong.append((self.doing, status, answer))

    def call(self, method: str, target: str, body: object = None) -> tuple[int, Any]:
        """One exchange."""
        return self.daemon_process.request(method, target, body)


def compete(
    daemon: Daemon, steps: Sequence[Step], clients: int, time_s: float
) -> dict[str, set[int]]:
    """Let clients loose; return each step's statuses. Fails for what must not be."""
    chance = seeded("races")
    until = time.monotonic() + time_s
    rivals = [Rival(daemon, steps, str(chance.random()), until) for _ in range(clients)]
    for rival in rivals:
        rival.start()
    for rival in rivals:
        rival.join(time_s + DEADLINE_S)
        assert not rival.is_alive(), (rival.doing, daemon.log[-3000:])
    told(str(fault) for rival in rivals for fault in rival.wrong)
    return {
        step.__name__: set().union(*(rival.statuses.get(step.__name__, ()) for rival in rivals))
        for step in steps
    }


@pytest.fixture(autouse=True)
def nothing_is_left(daemon: Daemon, busybox: str) -> Iterator[None]:
    """No process, mount, control group or open descriptor more than before."""
    assert busybox
    held = usage(daemon)
    logged = len(daemon.log)
    yield
    assert daemon.get("/containers/json?all=1") == []
    returns_to(daemon, held)
    wait_until(lambda: left_behind(daemon) == [], lambda: left_behind(daemon))
    told(surprises(daemon.log[logged:]))


def left_behind(daemon: Daemon) -> list[str]:
    """What there is beside the daemon itself and the few namespaces that it has at the ready."""
    spare = f"mount {daemon.exec_root}/netns/"
    found = [leak for leak in daemon.leaks() if f"process {daemon.pid}:" not in leak]
    namespaces = [leak for leak in found if leak.startswith(spare)]
    assert len(namespaces) <= SPARE_NAMESPACES, namespaces
    roots = {f"mount {daemon.data_root}", f"mount {daemon.exec_root}"}
    return [
        leak for leak in found if not leak.startswith((spare, "nftables ")) and leak not in roots
    ]


# Containers

NAMES = ("apple", "pear", "plum")


def name(rival: Rival) -> str:
    return rival.chance.choice(NAMES)


def create(rival: Rival) -> tuple[int, Any]:
    command = rival.chance.choice((["sleep", "900"], ["true"], ["sh", "-c", "exit 3"]))
    policy = rival.chance.choice(("no", "no", "on-failure", "unless-stopped"))
    body = {
        "Image": "busybox",
        "Cmd": command,
        "Volumes": {"/data": {}},
        "HostConfig": {
            "RestartPolicy": {"Name": policy},
            "AutoRemove": policy == "no" and rival.chance.random() < 0.3,
        },
        "Healthcheck": {"Test": ["CMD", "true"], "Interval": 20_000_000},
    }
    return rival.call("POST", f"/containers/create?name={name(rival)}", body)


def verb(path: str, label: str) -> Step:
    def step(rival: Rival) -> tuple[int, Any]:
        return rival.call("POST", f"/containers/{name(rival)}/{path}")

    step.__name__ = label
    return step


def rename(rival: Rival) -> tuple[int, Any]:
    return rival.call("POST", f"/containers/{name(rival)}/rename?name={name(rival)}")


def run_inside(rival: Rival) -> tuple[int, Any]:
    status, made = rival.call("POST", f"/containers/{name(rival)}/exec", {"Cmd": ["true"]})
    if status != 201:
        return status, made
    return rival.call("POST", f"/exec/{made['Id']}/start", {"Detach": True})


def copy_out(rival: Rival) -> tuple[int, Any]:
    return rival.call("GET", f"/containers/{name(rival)}/archive?path=/etc/passwd")


def commit(rival: Rival) -> tuple[int, Any]:
    return rival.call("POST", f"/commit?container={name(rival)}&repo=made&tag={name(rival)}")


def remove(rival: Rival) -> tuple[int, Any]:
    return rival.call("DELETE", f"/containers/{name(rival)}?v=1")


def remove_by_force(rival: Rival) -> tuple[int, Any]:
    return rival.call("DELETE", f"/containers/{name(rival)}?v=1&force=1")


def look(rival: Rival) -> tuple[int, Any]:
    status, shown = rival.call("GET", f"/containers/{name(rival)}/json")
    if status == 200:
        rival.wrong += [(fault, shown["State"]) for fault in contradictions(shown)]
    return status, shown


def contradictions(shown: Any) -> Iterator[str]:
    """Yield what a container's state says that cannot be."""
    state = shown["State"]
    status, is_alive = state["Status"], state["Running"]
    if is_alive != (status in ("running", "paused", "restarting")) and status != "restarting":
        yield "Running and Status"
    if state["Paused"] != (status == "paused"):
        yield "Paused and Status"
    if state["Restarting"] != (status == "restarting"):
        yield "Restarting and Status"
    if status in ("running", "paused") and not state["Pid"]:
        yield "it runs without a process"
    if status in ("created", "exited") and state["Pid"]:
        yield "it has a process and does not run"
    if status == "exited" and state["FinishedAt"].startswith("0001"):
        yield "it ended at no time"


LIFE: list[Step] = [
    create,
    create,
    verb("start", "start"),
    verb("start", "start"),
    verb("stop?t=0", "stop"),
    verb("restart?t=0", "restart"),
    verb("kill", "kill"),
    verb("pause", "pause"),
    verb("unpause", "unpause"),
    rename,
    run_inside,
    copy_out,
    remove,
    remove_by_force,
    look,
    look,
]


def test_lives(daemon: Daemon) -> None:
    seen = compete(daemon, [*LIFE, commit], clients=4, time_s=seconds(4))
    for row in daemon.get("/containers/json?all=1"):
        shown = daemon.get(f"/containers/{row['Id']}/json")
        assert list(contradictions(shown)) == []
        if shown["State"]["Status"] == "running":
            assert Path(f"/proc/{shown['State']['Pid']}").exists() or has_ended(daemon, row["Id"])
    clear(daemon)
    assert 201 in seen["create"]
    assert 204 in seen["start"]
    assert 204 in seen["remove_by_force"]


def has_ended(daemon: Daemon, container: str) -> bool:
    """Tell whether its end, which nobody can see as it happens, is known by now."""
    wait_until(lambda: daemon.get(f"/containers/{container}/json")["State"]["Status"] != "running")
    return True


def clear(daemon: Daemon) -> None:
    """Remove what the rivals leave."""
    for row in daemon.get("/containers/json?all=1"):
        status, _ = daemon.request("DELETE", f"/containers/{row['Id']}?force=1&v=1")
        assert status in (204, 404, 409)
    wait_until(lambda: daemon.get("/containers/json?all=1") == [])
    for image in daemon.get("/images/json"):
        if "busybox:latest" not in image["RepoTags"]:
            daemon.request("DELETE", f"/images/{image['Id']}?force=1")
    assert daemon.get("/volumes")["Volumes"] == []


# Networks and volumes


def make_network(rival: Rival) -> tuple[int, Any]:
    return rival.call("POST", "/networks/create", {"Name": f"net-{name(rival)}"})


def remove_network(rival: Rival) -> tuple[int, Any]:
    return rival.call("DELETE", f"/networks/net-{name(rival)}")


def connect(rival: Rival) -> tuple[int, Any]:
    body = {"Container": name(rival)}
    return rival.call("POST", f"/networks/net-{name(rival)}/connect", body)


def disconnect(rival: Rival) -> tuple[int, Any]:
    body = {"Container": name(rival), "Force": rival.chance.random() < 0.5}
    return rival.call("POST", f"/networks/net-{name(rival)}/disconnect", body)


def prune_networks(rival: Rival) -> tuple[int, Any]:
    return rival.call("POST", "/networks/prune")


def look_at_networks(rival: Rival) -> tuple[int, Any]:
    return rival.call("GET", f"/networks/net-{name(rival)}")


def make_volume(rival: Rival) -> tuple[int, Any]:
    return rival.call("POST", "/volumes/create", {"Name": f"vol-{name(rival)}"})


def remove_volume(rival: Rival) -> tuple[int, Any]:
    return rival.call("DELETE", f"/volumes/vol-{name(rival)}")


def prune_volumes(rival: Rival) -> tuple[int, Any]:
    return rival.call("POST", '/volumes/prune?filters={"all":["true"]}')


def create_joined(rival: Rival) -> tuple[int, Any]:
    body = {
        "Image": "busybox",
        "Cmd": ["sleep", "900"],
        "HostConfig": {
            "NetworkMode": f"net-{name(rival)}",
            "Binds": [f"vol-{name(rival)}:/data"],
        },
    }
    return rival.call("POST", f"/containers/create?name={name(rival)}", body)


def test_networks_and_volumes(daemon: Daemon) -> None:
    start, stop = verb("start", "start"), verb("stop?t=0", "stop")
    steps = [
        make_network, make_network, remove_network, connect, connect, disconnect, prune_networks,
        look_at_networks, make_volume, remove_volume, prune_volumes, create_joined, create_joined,
        start, start, stop, remove_by_force, look,
    ]  # fmt: skip
    seen = compete(daemon, steps, clients=4, time_s=seconds(3))
    for row in daemon.get("/containers/json?all=1"):
        assert daemon.request("DELETE", f"/containers/{row['Id']}?force=1&v=1")[0] == 204
    daemon.request("POST", "/networks/prune")
    daemon.request("POST", '/volumes/prune?filters={"all":["true"]}')
    assert {row["Name"] for row in daemon.get("/networks")} == {"bridge", "host", "none"}
    assert daemon.get("/volumes")["Volumes"] == []
    assert 201 in seen["make_network"]
    assert 200 in seen["connect"]
    assert 204 in seen["start"]


# Images


def tag(rival: Rival) -> tuple[int, Any]:
    return rival.call("POST", f"/images/busybox/tag?repo=tagged&tag={name(rival)}")


def untag(rival: Rival) -> tuple[int, Any]:
    reference = rival.chance.choice(("busybox:latest", f"tagged:{name(rival)}"))
    force = rival.chance.choice((0, 1))
    return rival.call("DELETE", f"/images/{reference}?force={force}")


def pull(rival: Rival) -> tuple[int, Any]:
    status, answer = rival.call("POST", "/images/create?fromImage=busybox&tag=latest")
    if b"errorDetail" in (answer if isinstance(answer, bytes) else b""):
        rival.wrong.append(answer)
    return status, answer


def prune_images(rival: Rival) -> tuple[int, Any]:
    return rival.call("POST", '/images/prune?filters={"dangling":["false"]}')


def list_images(rival: Rival) -> tuple[int, Any]:
    return rival.call("GET", "/images/json?shared-size=1")


def run_briefly(rival: Rival) -> tuple[int, Any]:
    body = {"Image": "busybox", "Cmd": ["true"], "HostConfig": {"NetworkMode": "none"}}
    status, made = rival.call("POST", "/containers/create", body)
    if status != 201:
        return status, made
    status, answer = rival.call("POST", f"/containers/{made['Id']}/start")
    rival.call("DELETE", f"/containers/{made['Id']}?force=1")
    return status, answer


def save(rival: Rival) -> tuple[int, Any]:
    """An image that is removed meanwhile breaks its archive off."""
    try:
        return rival.call("GET", "/images/busybox/get")
    except http.client.IncompleteRead:
        return 200, b""


def test_images(daemon: Daemon) -> None:
    steps = [tag, untag, untag, pull, pull, prune_images, list_images, run_briefly, save]
    seen = compete(daemon, steps, clients=4, time_s=seconds(3))
    daemon.request("POST", "/images/create?fromImage=busybox&tag=latest")
    clear(daemon)
    assert 200 in seen["pull"]
    assert 204 in seen["run_briefly"]
    assert 200 in seen["untag"]
