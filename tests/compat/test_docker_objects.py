"""The stock docker client on single objects: what each command shows and changes."""

import json
import re
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.cli import Cli


@pytest.fixture
def box(docker: Cli, busybox: str) -> Iterator[str]:
    """A running container; its name."""
    docker("run", "-d", "--init", "--name", "box", "-v", "stuff:/stuff", busybox, "sleep", "600")
    yield "box"
    docker.run("rm", "-f", "-v", "box")
    docker.run("volume", "rm", "-f", "stuff")


def test_inspect(docker: Cli, box: str) -> None:
    (shown,) = json.loads(docker("inspect", "--size", box))
    assert shown["Name"] == "/box"
    assert shown["State"]["Status"] == "running"
    assert shown["Mounts"][0]["Destination"] == "/stuff"
    assert shown["NetworkSettings"]["Networks"]["bridge"]["IPAddress"].startswith("1")
    assert shown["HostConfig"]["Binds"] == ["stuff:/stuff"]
    assert shown["SizeRootFs"] > 0
    assert Path(shown["HostsPath"]).exists()


@pytest.mark.usefixtures("box")
def test_ps_filters_and_sizes(docker: Cli) -> None:
    shown = ["ps", "--format", "{{.Names}} {{.Command}} {{.Image}}"]
    assert docker(*shown, "--filter", "volume=stuff") == 'box "sleep 600" busybox'
    assert docker(*shown, "--filter", "ancestor=busybox:latest", "--filter", "name=box")
    assert docker(*shown, "--filter", "status=exited") == ""
    assert "invalid filter" in docker.fails("ps", "--filter", "odd=1")
    assert "virtual" in docker("ps", "-s", "--format", "{{.Size}}", "--filter", "name=box")


def test_copy(docker: Cli, box: str, tmp_path: Path) -> None:
    source = tmp_path / "in"
    source.mkdir()
    (source / "a").write_text("one")
    (source / "link").symlink_to("a")
    docker("cp", str(source), f"{box}:/tmp/")
    assert docker("exec", box, "cat", "/tmp/in/link") == "one"
    docker("cp", str(source / "a"), f"{box}:/stuff/b")
    docker("cp", f"{box}:/tmp/in", str(tmp_path / "out"))
    assert (tmp_path / "out/link").readlink() == Path("a")
    docker("cp", f"{box}:/stuff/b", str(tmp_path / "b"))
    assert (tmp_path / "b").read_text() == "one"
    docker("cp", f"{box}:/tmp/in/.", str(tmp_path / "dot"))
    assert (tmp_path / "dot/a").read_text() == "one"
    missing = docker.fails("cp", f"{box}:/nothing", str(tmp_path))
    assert re.search("Could not find the file /nothing|No such container:path", missing)
    assert "directory" in docker.fails("cp", str(source / "a"), f"{box}:/tmp/in/a/x/")
    docker("stop", "-t", "0", box)
    docker("cp", f"{box}:/stuff/b", str(tmp_path / "c"))
    assert (tmp_path / "c").read_text() == "one"
    docker("cp", str(source / "a"), f"{box}:/etc/new")
    docker("start", box)
    assert docker("exec", box, "cat", "/etc/new") == "one"


def test_a_container_cannot_lead_a_copy_outside(docker: Cli, box: str, tmp_path: Path) -> None:
    docker("exec", box, "ln", "-s", "/../../../../../../../../etc", "/tmp/out")
    docker("exec", box, "ln", "-s", str(tmp_path), "/tmp/here")
    docker("cp", f"{box}:/tmp/out/hostname", str(tmp_path / "hostname"))
    inside = docker("exec", box, "cat", "/etc/hostname")
    assert (tmp_path / "hostname").read_text().strip() == inside
    (tmp_path / "f").write_text("x")
    docker.run("cp", str(tmp_path / "f"), f"{box}:/tmp/here/g")
    assert not (tmp_path / "g").exists()


def test_changes_export_and_import(docker: Cli, box: str, tmp_path: Path) -> None:
    docker("exec", box, "sh", "-c", "echo x > /new; rm /etc/group")
    assert {"A /new", "C /etc", "D /etc/group"} <= set(docker("diff", box).splitlines())
    archive = tmp_path / "root.tar"
    docker("export", "-o", str(archive), box)
    with tarfile.open(archive) as packed:
        assert "new" in {name.removeprefix("./") for name in packed.getnames()}
    docker("import", "--change", 'CMD ["cat", "/new"]', str(archive), "imported:v1")
    assert docker("run", "--rm", "imported:v1") == "x"
    docker("rmi", "imported:v1")


def test_save_and_load(docker: Cli, busybox: str, tmp_path: Path) -> None:
    archive = tmp_path / "image.tar"
    docker("tag", busybox, "kept:v1")
    docker("save", "-o", str(archive), "kept:v1")
    docker("rmi", "kept:v1")
    assert "Loaded image: kept:v1" in docker("load", "-i", str(archive))
    assert "kept:v1" in docker("images", "--format", "{{.Repository}}:{{.Tag}}")
    assert "/bin" in docker("inspect", "--format", "{{.Config.Env}}", "kept:v1")
    assert docker("history", "-q", "kept:v1")
    docker("rmi", "kept:v1")


def test_processes_and_counters(docker: Cli, box: str) -> None:
    assert "sleep 600" in docker("top", box)
    shown = docker("stats", "--no-stream", "--format", "{{.Name}} {{.PIDs}} {{.MemUsage}}", box)
    assert re.fullmatch(r"box \d+ .*iB / .*iB", shown)


def test_update_and_rename(docker: Cli, box: str) -> None:
    docker("update", "--memory", "64m", "--memory-swap", "128m", "--restart", "always", box)
    shown = docker(
        "inspect", "-f", "{{.HostConfig.Memory}} {{.HostConfig.RestartPolicy.Name}}", box
    )
    assert shown == "67108864 always"
    assert "6MB" in docker.fails("update", "--memory", "4m", box)
    docker("rename", box, "other")
    assert docker("ps", "-q", "--filter", "name=other")
    docker("rename", "other", box)


def test_logs(docker: Cli, busybox: str) -> None:
    docker("run", "--name", "talk", busybox, "sh", "-c", "echo out; echo err >&2; echo more")
    done = docker.run("logs", "talk")
    assert (done.stdout.split(), done.stderr.split()) == (["out", "more"], ["err"])
    stamped = docker.run("logs", "-t", "talk").stdout.splitlines()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z more", stamped[1])
    last = docker.run("logs", "--tail", "1", "talk")
    assert (last.stdout + last.stderr).strip() in ("more", "err")
    assert docker("logs", "--since", "2100-01-01T00:00:00", "talk") == ""
    docker("rm", "talk")


def test_wait(docker: Cli, busybox: str) -> None:
    docker("run", "-d", "--name", "ends", busybox, "sh", "-c", "exit 5")
    assert docker("wait", "ends") == "5"
    status = docker("ps", "-a", "--filter", "name=ends", "--format", "{{.Status}}")
    assert status.startswith("Exited (5) ")
    docker("rm", "ends")


def test_bad_options(docker: Cli, busybox: str) -> None:
    def refused(*args: str) -> str:
        return docker.fails("create", *args, busybox)

    assert "Minimum memory limit allowed is 6MB" in refused("-m", "1m")
    assert "invalid signal" in refused("--stop-signal", "ODD").lower()
    assert "must be absolute" in refused("-v", "x:y")
    missing = refused("--mount", "type=bind,source=/no/such/path,target=/x")
    assert "bind source path does not exist: /no/such/path" in missing
    assert "no log driver named 'odd'" in refused("--log-driver", "odd")
    docker("create", "--name", "taken", busybox)
    conflict = refused("--name", "taken")
    assert 'The container name "/taken" is already in use by container' in conflict
    docker("rm", "taken")


def test_networks(docker: Cli, box: str) -> None:
    docker("network", "create", "--subnet", "10.209.0.0/24", "--label", "a=b", "front")
    docker("network", "connect", "--alias", "other", "front", box)
    (shown,) = json.loads(docker("network", "inspect", "front"))
    assert shown["IPAM"]["Config"][0]["Subnet"] == "10.209.0.0/24"
    (member,) = shown["Containers"].values()
    assert (member["Name"], member["IPv4Address"]) == ("box", "10.209.0.2/24")
    assert "front" in docker("network", "ls", "--format", "{{.Name}}", "--filter", "label=a")
    assert docker("exec", box, "ip", "-4", "addr").count("10.209.0.2/24") == 1
    assert "active endpoints" in docker.fails("network", "rm", "front")
    docker("network", "disconnect", "front", box)
    docker("network", "rm", "front")
    assert re.search("not found|No such network", docker.fails("network", "inspect", "front"))


@pytest.mark.usefixtures("box")
def test_volumes(docker: Cli) -> None:
    assert docker("volume", "create", "--label", "a=b", "mine") == "mine"
    (shown,) = json.loads(docker("volume", "inspect", "mine"))
    assert (shown["Name"], shown["Driver"], shown["Labels"]) == ("mine", "local", {"a": "b"})
    assert docker("volume", "ls", "-q", "--filter", "label=a=b") == "mine"
    assert "volume is in use" in docker.fails("volume", "rm", "stuff")
    docker("volume", "rm", "mine")
    assert "no such volume" in docker.fails("volume", "inspect", "mine").lower()


def test_prune(docker: Cli, busybox: str) -> None:
    docker("create", "--name", "old", busybox)
    assert "Deleted Containers" in docker("container", "prune", "-f")
    assert docker("ps", "-aq", "--filter", "name=old") == ""
