"""Exec sessions and the engine's own life."""

from tests.support.daemon import Daemon
from tests.support.fixtures import StartDaemon


def test_sessions_are_forgotten_by_a_restart_and_their_processes_go_on(
    start_daemon: StartDaemon,
) -> None:
    """As Docker: its sessions are in memory too."""
    daemon = start_daemon()
    assert daemon.request("POST", "/images/create?fromImage=busybox&tag=latest")[0] == 200
    body = {"Image": "busybox", "Cmd": ["sleep", "600"]}
    container = daemon.request("POST", "/containers/create", body)[1]["Id"]
    assert daemon.request("POST", f"/containers/{container}/start")[0] == 204
    session = _run(daemon, container, "sleep", "601")
    assert daemon.get(f"/containers/{container}/json")["ExecIDs"] == [session]

    daemon.restart()
    status, refusal = daemon.request("GET", f"/exec/{session}/json")
    assert (status, refusal["message"]) == (404, f"No such exec instance: {session}")
    assert daemon.get(f"/containers/{container}/json")["ExecIDs"] is None
    top = daemon.get(f"/containers/{container}/top?ps_args=-eo%20pid,args")
    assert any("sleep 601" in row for row in (" ".join(row) for row in top["Processes"]))
    again = _run(daemon, container, "true")
    assert daemon.get(f"/exec/{again}/json")["ProcessConfig"]["entrypoint"] == "true"


def _run(daemon: Daemon, container: str, *command: str) -> str:
    status, made = daemon.request(
        "POST", f"/containers/{container}/exec", {"Cmd": list(command), "AttachStdout": True}
    )
    assert status == 201
    assert daemon.request("POST", f"/exec/{made['Id']}/start", {"Detach": True})[0] == 200
    return str(made["Id"])
