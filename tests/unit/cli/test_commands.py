"""Whole command lines against a fake engine."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from boxship.cli import commands
from boxship.cli.main import load, main
from boxship.client.testing import Asked, Connection, FakeEngine, fake_engine
from boxship.wire import stdcopy

Invoke = Callable[..., int]
CONTAINER_ID = "c" * 64
CONTAINER: dict[str, Any] = {
    "Id": "a" * 64,
    "Names": ["/web", "/other/alias"],
    "Image": "busybox",
    "ImageID": "sha256:" + "b" * 64,
    "Command": "sh -c 'echo hello world'",
    "Created": 1700000000,
    "Ports": [{"IP": "0.0.0.0", "PrivatePort": 80, "PublicPort": 8080, "Type": "tcp"}],
    "Labels": {"a": "b"},
    "State": "running",
    "Status": "Up 2 minutes",
    "NetworkSettings": {"Networks": {"bridge": {}}},
    "Mounts": [],
}


class Answers:
    """What the fake engine says; tests change it. exit_code: of every container."""

    def __init__(self) -> None:
        self.documents: dict[str, Any] = {"GET /containers/json": [CONTAINER]}
        self.start_failure = ""
        self.image_is_missing = False
        self.exit_code = 0

    def handle(self, connection: Connection, request: Asked) -> bool | None:
        """Answer like an engine with one container."""
        route = f"{request.method} {request.path}"
        if route in self.documents:
            connection.answer(self.documents[route])
        elif route == "POST /containers/create":
            self._create(connection)
        elif route == "POST /images/create":
            self.image_is_missing = False
            connection.answer_chunks([b'{"status":"Pull complete","id":"x"}\n'])
        elif route.endswith("/wait"):
            connection.answer({"StatusCode": self.exit_code})
        elif route.endswith("/attach"):
            return self._attach(connection)
        elif route.endswith("/start") and self.start_failure:
            connection.answer({"message": self.start_failure}, 400)
        elif request.path.startswith("/containers/none"):
            connection.answer({"message": "No such container: none"}, 404)
        else:
            connection.answer(None, 204)
        return None

    def _create(self, connection: Connection) -> None:
        if self.image_is_missing:
            connection.answer({"message": "No such image: busybox:latest"}, 404)
        else:
            connection.answer({"Id": CONTAINER_ID, "Warnings": ["mind the gap"]}, 201)

    def _attach(self, connection: Connection) -> bool:
        output = stdcopy.encode(1, b"out\n") + stdcopy.encode(2, b"err\n")
        connection.upgrade(output)
        return True


@pytest.fixture
def answers() -> Answers:
    return Answers()


@pytest.fixture
def engine(tmp_path: Path, answers: Answers) -> Iterator[FakeEngine]:
    with fake_engine(tmp_path, answers.handle) as running:
        yield running


@pytest.fixture
def invoke(engine: FakeEngine, tmp_path: Path) -> Invoke:
    def run(*words: str) -> int:
        host = f"unix://{engine.path}"
        return main(["--config", str(tmp_path), "-H", host, *words])

    return run


Capture = pytest.CaptureFixture[str]
Binary = pytest.CaptureFixture[bytes]


def test_ps(invoke: Invoke, engine: FakeEngine, capfd: Capture) -> None:
    assert invoke("ps", "-a", "--filter", "name=web", "-n", "3") == 0
    header, row = capfd.readouterr().out.splitlines()
    assert header.split("   ")[0] == "CONTAINER ID"
    assert row.startswith('aaaaaaaaaaaa   busybox   "sh -c \'echo hello w…"')
    assert row.endswith("Up 2 minutes   0.0.0.0:8080->80/tcp   web")
    query = engine.asked[0].query
    assert query == "all=1&limit=3&filters=%7B%22name%22%3A%7B%22web%22%3Atrue%7D%7D"


def test_ps_with_formats(invoke: Invoke, tmp_path: Path, capfd: Capture) -> None:
    assert invoke("ps", "--format", '{{.Names}} {{.Label "a"}} {{.Networks}}') == 0
    assert capfd.readouterr().out == "web b bridge\n"
    (tmp_path / "config.json").write_text('{"psFormat": "{{.ID}}"}')
    assert invoke("ps") == 0
    assert invoke("ps", "-q", "--no-trunc") == 0
    assert capfd.readouterr().out == "a" * 12 + "\n" + "a" * 64 + "\n"


def test_run_attaches_before_it_starts(
    invoke: Invoke, engine: FakeEngine, answers: Answers, capfd: Capture
) -> None:
    answers.exit_code = 3
    assert invoke("run", "busybox", "sh", "-x") == 3
    captured = capfd.readouterr()
    assert captured.out == "out\n"
    assert captured.err == "WARNING: mind the gap\nerr\n"
    body = engine.asked[0].json
    assert isinstance(body, dict)
    assert body["Cmd"] == ["sh", "-x"]
    paths = engine.paths()
    start = paths.index(f"POST /containers/{CONTAINER_ID}/start")
    assert paths.index(f"POST /containers/{CONTAINER_ID}/attach") < start
    assert paths.index(f"POST /containers/{CONTAINER_ID}/wait") < start
    assert len(paths) == 4


def test_run_detached_is_two_calls(invoke: Invoke, engine: FakeEngine, capfd: Capture) -> None:
    assert invoke("run", "-d", "busybox") == 0
    assert capfd.readouterr().out == f"{CONTAINER_ID}\n"
    assert len(engine.asked) == 2


def test_run_pulls_a_missing_image(
    invoke: Invoke, answers: Answers, engine: FakeEngine, capfd: Capture
) -> None:
    answers.image_is_missing = True
    assert invoke("run", "-d", "busybox") == 0
    captured = capfd.readouterr()
    assert captured.out == f"{CONTAINER_ID}\n"
    assert captured.err.startswith(
        "Unable to find image 'busybox:latest' locally\nx: Pull complete\n"
    )
    assert engine.paths()[:3] == [
        "POST /containers/create",
        "POST /images/create",
        "POST /containers/create",
    ]
    assert engine.asked[1].query == "fromImage=busybox&tag=latest"


def test_run_may_not_pull(invoke: Invoke, answers: Answers, capfd: Capture) -> None:
    answers.image_is_missing = True
    assert invoke("run", "--pull", "never", "busybox") == 125
    message = "boxship: Error response from daemon: No such image: busybox:latest\n"
    assert capfd.readouterr().err.startswith(message)


@pytest.mark.parametrize(
    ("failure", "code"),
    [
        ('exec: "nope": executable file not found in $PATH', 127),
        ("exec: /x: no such file or directory", 127),
        ('exec: "/etc/passwd": permission denied', 126),
        ("driver failed programming external connectivity", 125),
    ],
)
def test_run_tells_why_a_container_did_not_start(
    invoke: Invoke, answers: Answers, capfd: Capture, failure: str, code: int
) -> None:
    answers.start_failure = failure
    assert invoke("run", "busybox", "nope") == code
    assert f"boxship: Error response from daemon: {failure}" in capfd.readouterr().err


def test_the_id_is_written_to_a_new_file_only(
    invoke: Invoke, tmp_path: Path, capfd: Capture
) -> None:
    path = tmp_path / "cid"
    assert invoke("run", "-d", "--cidfile", str(path), "busybox") == 0
    assert path.read_text() == CONTAINER_ID
    assert invoke("run", "-d", "--cidfile", str(path), "busybox") == 125
    assert "container ID file found" in capfd.readouterr().err


def test_a_terminal_is_demanded_of_standard_input(invoke: Invoke, capfd: Capture) -> None:
    assert invoke("run", "-it", "busybox") == 1
    assert "the input device is not a TTY" in capfd.readouterr().err


def test_several_objects(invoke: Invoke, engine: FakeEngine, capfd: Capture) -> None:
    assert invoke("stop", "-t", "5", "a", "none", "b") == 1
    captured = capfd.readouterr()
    assert captured.out == "a\nb\n"
    assert captured.err == "Error response from daemon: No such container: none\n"
    assert engine.asked[0].query == "t=5"
    assert invoke("rm", "-f", "none") == 0


def test_inspect(invoke: Invoke, answers: Answers, capfd: Capture) -> None:
    answers.documents["GET /containers/web/json"] = {"Name": "/web", "Tags": ["<a>"]}
    assert invoke("container", "inspect", "web", "none") == 1
    captured = capfd.readouterr()
    assert captured.out.startswith('[\n    {\n        "Name": "/web",')
    assert captured.err == "Error response from daemon: No such container: none\n"
    assert invoke("inspect", "-f", "{{.Name}} {{json .Tags}}", "web") == 0
    assert invoke("inspect", "--type", "container", "-f", "json", "web") == 0
    lines = capfd.readouterr().out.splitlines()
    assert lines[0] == '/web ["<a>"]'
    assert lines[1] == '{"Name":"/web","Tags":["<a>"]}'


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["ps", "--foo"], 125, "unknown flag: --foo\n\nUsage:  boxship ps [OPTIONS]\n\nRun"),
        (["--foo", "ps"], 125, "unknown flag: --foo\n\nUsage:  boxship [OPTIONS] COMMAND"),
        (["run"], 1, "boxship: 'boxship run' requires at least 1 argument\n\nUsage:"),
        (["tag", "a"], 1, "boxship: 'boxship tag' requires 2 arguments\n"),
        (["ps", "x"], 1, "boxship: 'boxship ps' accepts no arguments\n"),
        (["container", "ls", "x"], 1, "boxship: 'boxship container ls' accepts no arguments"),
        (["images", "a", "b"], 1, "'boxship images' requires at most 1 argument\n"),
        (
            ["volums"],
            1,
            "unknown command: boxship volums\n\nDid you mean this?\n  boxship volume\n",
        ),
        (["image", "lss"], 1, "boxship: unknown command: boxship image lss\n\nDid you mean"),
        (["help", "foo"], 1, "unknown help topic: foo"),
        (["run", "-p", "abc", "x"], 125, "boxship: invalid containerPort: abc\n\nRun 'boxship run"),
        (["run", "--ulimit", "x", "y"], 125, 'invalid argument "x" for "--ulimit" flag'),
        (["-l", "loud", "ps"], 125, "unable to parse logging level: loud"),
        (["-c", "far", "ps"], 1, "conflicting options: cannot specify both --host and --context"),
        (
            ["ps", "--filter", "x"],
            125,
            'invalid argument "x" for "-f, --filter" flag: bad format of filter (expected name=',
        ),
        (["image", "prune", "-f", "--filter", "x"], 125, 'argument "x" for "--filter" flag: bad'),
        (["ps", "--format", "{{"], 1, "template parsing error"),
    ],
)
def test_bad_command_lines(
    invoke: Invoke, capfd: Capture, words: list[str], code: int, message: str
) -> None:
    assert invoke(*words) == code
    captured = capfd.readouterr()
    assert captured.out == ""
    assert message in captured.err


def test_no_daemon(tmp_path: Path, capfd: Capture) -> None:
    assert main(["-H", f"unix://{tmp_path}/none", "ps"]) == 1
    expected = f"Cannot connect to the Boxship daemon at unix://{tmp_path}/none. "
    assert capfd.readouterr().err == expected + "Is the boxship daemon running?\n"


def test_version_prints_the_client_even_without_a_daemon(tmp_path: Path, capfd: Capture) -> None:
    assert main(["-H", f"unix://{tmp_path}/none", "version"]) == 1
    assert capfd.readouterr().out.startswith("Client:\n Version:           ")


@pytest.mark.parametrize("key", sorted(commands.COMMANDS))
def test_every_command_has_help(key: str, capfd: Capture) -> None:
    assert main([*key.split(), "--help"]) == 0
    text = capfd.readouterr().out
    module = load(key)
    assert text.startswith(f"Usage:  boxship {key} {module.USAGE.splitlines()[0:1] or ['']}"[:20])
    assert commands.COMMANDS[key][1] in text
    for flag in module.FLAGS:
        assert (f"--{flag.name}" in text) or flag.hidden
    assert len({flag.name for flag in module.FLAGS}) == len(module.FLAGS)
    shorts = [flag.short for flag in module.FLAGS if flag.short]
    assert len(set(shorts)) == len(shorts)


def test_no_spelling_is_taken_twice() -> None:
    spellings = [word for key in commands.COMMANDS for word in commands.spellings(key)]
    assert len(set(spellings)) == len(spellings)
    for spelled in spellings:
        key, count = commands.find([*spelled.split(), "argument"])
        assert spelled in commands.spellings(key)
        assert count == len(spelled.split())


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("boxship ", {"run", "ps", "container"}),
        ("boxship image l", {"ls", "list", "load"}),
        ("boxship run --net", {"--network", "--network-alias"}),
        ("boxship container rm -", {"-f", "--force", "--help"}),
    ],
)
def test_bash_completion(line: str, expected: set[str], tmp_path: Path, capfd: Capture) -> None:
    assert main(["completion", "bash"]) == 0
    script = tmp_path / "completion.bash"
    script.write_text(capfd.readouterr().out)
    words = line.split(" ")
    program = (
        f"source {script}; COMP_WORDS=({' '.join(repr(word) for word in words)}); "
        f"COMP_CWORD={len(words) - 1}; _boxship; printf '%s\\n' \"${{COMPREPLY[@]}}\""
    )
    bare = {"PATH": os.pathsep.join([str(tmp_path), "/usr/bin", "/bin"])}
    done = subprocess.run(
        ["bash", "-c", program], capture_output=True, text=True, env=bare, check=True
    )
    assert expected <= set(done.stdout.split())


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_completions_name_every_command(shell: str, capfd: Capture) -> None:
    assert main(["completion", shell]) == 0
    text = capfd.readouterr().out
    for key in set(commands.COMMANDS) - commands.HIDDEN:
        assert key.split()[-1] in text


def test_a_closed_output_is_no_traceback(engine: FakeEngine) -> None:
    program = (
        "import os, sys; os.close(1); os.dup2(os.pipe()[1], 1);"
        "from boxship.cli.main import main; sys.exit(main(sys.argv[1:]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "-H", f"unix://{engine.path}", "ps"],
        capture_output=True,
        text=True,
    )
    assert "Traceback" not in done.stderr
