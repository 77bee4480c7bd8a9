"""The stock docker client: images out of containers and archives."""

from tests.support.cli import Cli


def test_commit(docker: Cli, busybox: str) -> None:
    docker("run", "--name", "one", busybox, "sh", "-c", "echo hi > /x")
    image = docker(
        "commit", "-a", "Ann", "-m", "why", "-c", 'CMD ["cat", "/x"]', "--pause=false", "one", "c:1"
    )
    assert docker("run", "--rm", "c:1") == "hi"
    shown = docker("inspect", "-f", "{{.Id}} {{.Author}} {{.Comment}}", "c:1")
    assert shown == f"{image} Ann why"
    assert "foo is not a valid change command" in docker.fails("commit", "-c", "FOO x", "one")
    assert "No such container: nobody" in docker.fails("commit", "nobody")
    docker("rm", "one")
    docker("rmi", "c:1")


def test_diff_shows_what_the_container_did(docker: Cli, busybox: str) -> None:
    """And nothing of the files that the engine mounts into it."""
    docker("run", "--name", "did", busybox, "sh", "-c", "mkdir /new && rm /bin/vi && echo >/new/f")
    changes = docker("diff", "did").splitlines()
    assert sorted(changes) == ["A /new", "A /new/f", "C /bin", "D /bin/vi"]
    docker("rm", "did")
