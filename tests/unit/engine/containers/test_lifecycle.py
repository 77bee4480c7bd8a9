import pytest

from boxship.engine.containers.container import (
    Container,
    ContainerConfig,
    ContainerState,
    HostConfig,
    RestartPolicy,
    Status,
)
from boxship.engine.containers.lifecycle import TABLE, Refusal, next_status
from boxship.engine.containers.restart import next_delay, should_restart, should_start_with_engine
from boxship.engine.containers.signals import parse_signal
from boxship.errors import ConflictError, InvalidParameterError, NotModifiedError


def container(status: Status = Status.CREATED, *, policy: str = "no", **state: object) -> Container:
    return Container(
        id="a" * 64,
        name="web",
        created_at_ns=1,
        config=ContainerConfig(image="busybox"),
        host=HostConfig(restart_policy=RestartPolicy(name=policy)),
        endpoints=(),
        mounts=(),
        image_id="sha256:1",
        image_platform="linux/amd64",
        runtime="crun",
        path="sh",
        args=(),
        state=ContainerState(status=status, **state),  # type: ignore[arg-type]
    )


@pytest.mark.parametrize("verb", sorted(TABLE))
def test_every_verb_says_what_it_does_in_every_state(verb: str) -> None:
    assert set(TABLE[verb]) == set(Status)
    for step in TABLE[verb].values():
        if isinstance(step, Refusal):
            step.message.format(id="x", name="y")


@pytest.mark.parametrize(
    ("verb", "status", "error", "message"),
    [
        ("start", Status.RUNNING, NotModifiedError, "already"),
        ("start", Status.PAUSED, ConflictError, "cannot start a paused container, try unpause"),
        ("stop", Status.EXITED, NotModifiedError, "already"),
        ("kill", Status.EXITED, ConflictError, "cannot kill container: web: container aaa"),
        ("remove", Status.RUNNING, ConflictError, 'remove container "web": container is running:'),
        ("pause", Status.PAUSED, ConflictError, "is already paused"),
        ("unpause", Status.RUNNING, ConflictError, "is not paused"),
        ("exec", Status.EXITED, ConflictError, "is not running"),
        ("exec", Status.PAUSED, ConflictError, "unpause the container before exec"),
    ],
)
def test_refusals_use_dockers_words(
    verb: str, status: Status, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        next_status(verb, container(status))


@pytest.mark.parametrize(
    ("policy", "maximum", "code", "failures", "stopped", "expected"),
    [
        ("no", 0, 1, 0, False, False),
        ("always", 0, 0, 50, False, True),
        ("always", 0, 0, 0, True, False),
        ("unless-stopped", 0, 1, 0, False, True),
        ("unless-stopped", 0, 1, 0, True, False),
        ("on-failure", 0, 0, 0, False, False),
        ("on-failure", 0, 3, 99, False, True),
        ("on-failure", 2, 3, 1, False, True),
        ("on-failure", 2, 3, 2, False, False),
    ],
)
def test_restart_policies(
    policy: str, maximum: int, code: int, failures: int, stopped: bool, expected: bool
) -> None:
    rule = RestartPolicy(name=policy, maximum_retry_count=maximum)
    assert should_restart(rule, code, failures=failures, manually_stopped=stopped) is expected


@pytest.mark.parametrize(
    ("policy", "state", "expected"),
    [
        ("always", {"started_at_ns": 1, "manually_stopped": True}, True),
        ("always", {"started_at_ns": 0}, False),
        ("unless-stopped", {"started_at_ns": 1, "manually_stopped": True}, False),
        ("unless-stopped", {"started_at_ns": 1}, True),
        ("on-failure", {"started_at_ns": 1, "exit_code": 1}, True),
        ("on-failure", {"started_at_ns": 1, "exit_code": 0}, False),
        ("no", {"started_at_ns": 1, "exit_code": 1}, False),
    ],
)
def test_what_starts_with_the_engine(policy: str, state: dict[str, object], expected: bool) -> None:
    stopped = container(Status.EXITED, policy=policy, **state)
    assert should_start_with_engine(stopped) is expected


def test_the_back_off_doubles_to_a_minute_and_resets_after_ten_seconds_up() -> None:
    delays = [next_delay(0, 0)]
    while len(delays) < 12:
        delays.append(next_delay(delays[-1], uptime_s=0.5))
    assert delays[:4] == [0.1, 0.2, 0.4, 0.8]
    assert delays[-1] == 60
    assert next_delay(60, uptime_s=10) == 0.1


@pytest.mark.parametrize(
    ("text", "number"),
    [("", 15), ("KILL", 9), ("SIGKILL", 9), ("9", 9), ("hup", 1), ("RTMIN+3", 37), ("RTMAX", 64)],
)
def test_signals(text: str, number: int) -> None:
    assert parse_signal(text, 15) == number


@pytest.mark.parametrize("text", ["NOPE", "0", "65", "RTMIN+x", "-1", "RTMAX+1"])
def test_bad_signals(text: str) -> None:
    with pytest.raises(InvalidParameterError, match="invalid signal: "):
        parse_signal(text, 15)
