from dataclasses import replace

import pytest

from boxship.engine.containers.container import ContainerConfig, Healthcheck
from boxship.engine.containers.merge import command_line, merge, process_env
from boxship.errors import InvalidParameterError

IMAGE = ContainerConfig(
    image="",
    entrypoint=("/entry",),
    cmd=("serve",),
    env=("PATH=/bin", "MODE=prod"),
    labels={"a": "image", "b": "image"},
    exposed_ports=("80/tcp",),
    volumes=("/data",),
    working_dir="/app",
    user="www",
    stop_signal="SIGQUIT",
    healthcheck=Healthcheck(test=("CMD", "check"), interval_ns=5, retries=3),
)
USER = ContainerConfig(image="app")
Words = tuple[str, ...] | None


@pytest.mark.parametrize(
    ("entrypoint", "cmd", "expected"),
    [
        (None, None, ("/entry", "serve")),
        (None, ("debug",), ("/entry", "debug")),
        (("/other",), None, ("/other",)),
        (("/other",), ("x",), ("/other", "x")),
        (("",), ("sh",), ("sh",)),
        ((), None, ("serve",)),
    ],
)
def test_command(entrypoint: Words, cmd: Words, expected: tuple[str, ...]) -> None:
    merged = merge(replace(USER, entrypoint=entrypoint, cmd=cmd), IMAGE)
    assert command_line(merged) == expected


def test_nothing_to_run_is_refused() -> None:
    with pytest.raises(InvalidParameterError, match="no command specified"):
        merge(replace(USER, entrypoint=("",)), IMAGE)


def test_env_of_the_user_comes_first_and_hides_the_images() -> None:
    merged = merge(replace(USER, env=("NEW=1", "MODE=dev")), IMAGE)
    assert merged.env == ("NEW=1", "MODE=dev", "PATH=/bin")


def test_a_name_without_a_value_is_kept_and_unsets() -> None:
    merged = merge(replace(USER, env=("MODE", "PATH", "NEW=1")), IMAGE)
    assert merged.env == ("MODE", "PATH", "NEW=1")
    assert process_env(merged, "host") == ("HOSTNAME=host", "NEW=1")


def test_the_rest_comes_from_the_image_where_the_user_is_silent() -> None:
    merged = merge(replace(USER, labels={"b": "user"}, exposed_ports=("90/tcp",)), IMAGE)
    assert merged.labels == {"a": "image", "b": "user"}
    assert merged.exposed_ports == ("90/tcp", "80/tcp")
    assert (merged.working_dir, merged.user, merged.stop_signal) == ("/app", "www", "SIGQUIT")
    assert merged.volumes == ("/data",)


def test_a_health_check_takes_missing_parts_from_the_image() -> None:
    merged = merge(replace(USER, healthcheck=Healthcheck(interval_ns=9)), IMAGE)
    assert merged.healthcheck == Healthcheck(test=("CMD", "check"), interval_ns=9, retries=3)


def test_process_env_has_dockers_base() -> None:
    config = replace(USER, env=("A=1", "PATH=/x"), tty=True)
    assert process_env(config, "host") == ("PATH=/x", "HOSTNAME=host", "TERM=xterm", "A=1")
