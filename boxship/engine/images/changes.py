"""Dockerfile instructions that change a configuration (``import -c``, ``commit -c``)."""

import posixpath
import re
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from boxship.engine.images.expansion import expand, raw_words
from boxship.errors import InvalidParameterError
from boxship.oci.image import ExecutionConfig, HealthcheckConfig
from boxship.units import natural, parse_duration

SHELL = ("/bin/sh", "-c")
_CONTINUATION = re.compile(r"\\[ \t]*\r?\n")


def apply_changes(config: ExecutionConfig, changes: Sequence[str]) -> ExecutionConfig:
    """Apply instructions in order, one or several lines each. Raises InvalidParameterError.

    Variables in them are those of the configuration's environment, as far as it has come. Which
    instructions there are: moby's ``validCommitCommands``. An ENTRYPOINT drops the command that was
    there before these instructions, as in a Dockerfile.
    """
    joined = (_CONTINUATION.sub("", change) for change in changes)
    lines = [line.strip() for change in joined for line in change.splitlines()]
    command_given = False
    for line in lines:
        if not line or line.startswith("#"):
            continue
        word = line.split(None, 1)[0].upper()
        if word == "ENTRYPOINT" and not command_given:
            config = replace(config, cmd=None)
        command_given |= word == "CMD"
        config = _apply(config, line)
    return config


def _apply(config: ExecutionConfig, line: str) -> ExecutionConfig:
    word, _, rest = line.partition(" ")
    instruction = _INSTRUCTIONS.get(word.upper())
    if instruction is None:
        raise InvalidParameterError(f"{word.lower()} is not a valid change command")
    if not rest.strip():
        raise InvalidParameterError(f"{word.upper()} requires at least one argument")
    return instruction(config, rest.strip())


def _command(config: ExecutionConfig, text: str) -> list[str]:
    """Read the exec form (a JSON array) or the shell form."""
    listed = _json_words(text)
    return [*(config.shell or SHELL), text] if listed is None else listed


def _json_words(text: str) -> list[str] | None:
    try:
        return msgspec.json.decode(text.encode(), type=list[str])
    except msgspec.DecodeError:
        return None


def _variables(config: ExecutionConfig) -> dict[str, str]:
    return dict(entry.partition("=")[::2] for entry in config.env)


def _pairs(config: ExecutionConfig, instruction: str, text: str) -> list[tuple[str, str]]:
    """Read ``key=value …`` with quotes, or the old form ``key value``."""
    variables = _variables(config)
    words = raw_words(text)
    if "=" not in words[0]:
        key, *rest = text.split(None, 1)
        if not rest:
            raise InvalidParameterError(f"{instruction} must have two arguments")
        return [(expand(key, variables), expand(rest[0], variables))]
    pairs = []
    for word in words:
        key, equals, value = word.partition("=")
        if not equals:
            raise InvalidParameterError(
                f'Syntax error - can\'t find = in "{word}". Must be of the form: name=value'
            )
        if not key:
            raise InvalidParameterError(f"{instruction} names can not be blank")
        pairs.append((expand(key, variables), expand(value, variables)))
    return pairs


def _cmd(config: ExecutionConfig, text: str) -> ExecutionConfig:
    return replace(config, cmd=_command(config, text))


def _entrypoint(config: ExecutionConfig, text: str) -> ExecutionConfig:
    return replace(config, entrypoint=_command(config, text))


def _env(config: ExecutionConfig, text: str) -> ExecutionConfig:
    env = {**_variables(config), **dict(_pairs(config, "ENV", text))}
    return replace(config, env=[f"{key}={value}" for key, value in env.items()])


def _label(config: ExecutionConfig, text: str) -> ExecutionConfig:
    return replace(config, labels={**config.labels, **dict(_pairs(config, "LABEL", text))})


def _expose(config: ExecutionConfig, text: str) -> ExecutionConfig:
    ports: dict[str, Any] = dict(config.exposed_ports)
    variables = _variables(config)
    words = (word for raw in raw_words(text) for word in expand(raw, variables).split())
    for word in words:
        numbers, _, protocol = word.partition("/")
        first, dash, last = numbers.partition("-")
        low, high = natural(first), natural(last if dash else first)
        if low is None or high is None or not (0 < low < 65536 and 0 < high < 65536):
            raise InvalidParameterError(f"invalid containerPort: {word}")
        if protocol not in ("", "tcp", "udp", "sctp"):
            raise InvalidParameterError(f"invalid proto: {protocol}")
        for port in range(low, high + 1):
            ports[f"{port}/{protocol or 'tcp'}"] = {}
    return replace(config, exposed_ports=ports)


def _volume(config: ExecutionConfig, text: str) -> ExecutionConfig:
    listed = _json_words(text)
    variables = _variables(config)
    paths = [expand(path, variables) for path in (raw_words(text) if listed is None else listed)]
    if not all(path.strip() for path in paths):
        raise InvalidParameterError("VOLUME specified can not be an empty string")
    return replace(config, volumes={**config.volumes, **{path: {} for path in paths}})


def _workdir(config: ExecutionConfig, text: str) -> ExecutionConfig:
    base = config.working_dir or "/"
    return replace(config, working_dir=posixpath.join(base, expand(text, _variables(config))))


def _user(config: ExecutionConfig, text: str) -> ExecutionConfig:
    return replace(config, user=expand(text, _variables(config)))


def _stop_signal(config: ExecutionConfig, text: str) -> ExecutionConfig:
    return replace(config, stop_signal=expand(text, _variables(config)))


def _on_build(config: ExecutionConfig, text: str) -> ExecutionConfig:
    trigger = text.split(None, 1)[0].upper()
    if trigger == "ONBUILD":
        raise InvalidParameterError("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed")
    if trigger in ("MAINTAINER", "FROM"):
        raise InvalidParameterError(f"{trigger} isn't allowed as an ONBUILD trigger")
    return replace(config, on_build=[*config.on_build, text])


def _healthcheck(config: ExecutionConfig, text: str) -> ExecutionConfig:
    if text.upper() == "NONE":
        return replace(config, healthcheck=HealthcheckConfig(test=["NONE"]))
    options: dict[str, int] = {}
    while text.startswith("--"):
        word, _, text = text.partition(" ")
        name, _, value = word[2:].partition("=")
        key = name.replace("-", "_")
        if key not in ("interval", "timeout", "start_period", "start_interval", "retries"):
            raise InvalidParameterError(f"unknown flag: --{name}")
        options[key] = _retries(value) if key == "retries" else parse_duration(value)
        text = text.strip()
    kind, _, command = text.partition(" ")
    if kind.upper() != "CMD" or not command.strip():
        raise InvalidParameterError(f'Unknown type "{kind}" in HEALTHCHECK (try CMD)')
    listed = _json_words(command.strip())
    test = ["CMD-SHELL", command.strip()] if listed is None else ["CMD", *listed]
    return replace(config, healthcheck=HealthcheckConfig(test=test, **options))


def _retries(value: str) -> int:
    number = natural(value)
    if number is None:
        raise InvalidParameterError(f"--retries cannot be {value!r}: give a number")
    return number


_INSTRUCTIONS: dict[str, Callable[[ExecutionConfig, str], ExecutionConfig]] = {
    "CMD": _cmd,
    "ENTRYPOINT": _entrypoint,
    "ENV": _env,
    "EXPOSE": _expose,
    "HEALTHCHECK": _healthcheck,
    "LABEL": _label,
    "ONBUILD": _on_build,
    "STOPSIGNAL": _stop_signal,
    "USER": _user,
    "VOLUME": _volume,
    "WORKDIR": _workdir,
}
