"""SIGKILL is answered when it has done its work, as Docker does: clients go on to remove."""

import pytest

from tests.support.daemon import Daemon


@pytest.mark.usefixtures("busybox")
@pytest.mark.parametrize("first", ["", "pause"])
@pytest.mark.parametrize("signal", ["", "?signal=KILL", "?signal=9"])
def test_a_killed_container_can_be_removed_at_once(daemon: Daemon, signal: str, first: str) -> None:
    body = {
        "Image": "busybox",
        "Cmd": ["sleep", "600"],
        "HostConfig": {"RestartPolicy": {"Name": "always"}},
    }
    container = daemon.request("POST", "/containers/create", body)[1]["Id"]
    assert daemon.request("POST", f"/containers/{container}/start")[0] == 204
    if first:
        assert daemon.request("POST", f"/containers/{container}/{first}")[0] == 204
    assert daemon.request("POST", f"/containers/{container}/kill{signal}")[0] == 204
    state = daemon.get(f"/containers/{container}/json")["State"]
    assert (state["Status"], state["ExitCode"]) == ("exited", 137)
    assert daemon.request("DELETE", f"/containers/{container}")[0] == 204
