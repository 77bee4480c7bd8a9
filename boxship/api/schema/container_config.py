"""Docker's ``Config``: the portable part of a container's (and an image's) configuration."""

from msgspec import UNSET, UnsetType, field

from boxship.api.schema.shape import Empty, Int64, Shape, StringOrList


class Healthcheck(Shape):
    """How health is probed; times in nanoseconds, 0: inherited."""

    test: StringOrList | UnsetType = UNSET
    interval: Int64 | UnsetType = UNSET
    timeout: Int64 | UnsetType = UNSET
    start_period: Int64 | UnsetType = UNSET
    start_interval: Int64 | UnsetType = UNSET
    retries: Int64 | UnsetType = UNSET


class Config(Shape):
    """As in ``POST /containers/create`` and ``GET /containers/{id}/json``."""

    hostname: str = ""
    domainname: str = ""
    user: str = ""
    attach_stdin: bool = False
    attach_stdout: bool = False
    attach_stderr: bool = False
    exposed_ports: dict[str, Empty] | UnsetType = UNSET
    tty: bool = False
    open_stdin: bool = False
    stdin_once: bool = False
    env: list[str] | None = None
    cmd: StringOrList = None
    healthcheck: Healthcheck | UnsetType = UNSET
    args_escaped: bool | UnsetType = UNSET
    image: str = ""
    volumes: dict[str, Empty] | None = None
    working_dir: str = ""
    entrypoint: StringOrList = None
    network_disabled: bool | UnsetType = UNSET
    mac_address: str | UnsetType = UNSET
    on_build: list[str] | None = None
    labels: dict[str, str] | None = None
    stop_signal: str | UnsetType = UNSET
    stop_timeout: Int64 | UnsetType = UNSET
    shell: StringOrList | UnsetType = UNSET


class ImageRuntimeConfig(Shape):
    """``Config`` of an image as it is shown since API 1.50: only what images have."""

    user: str | UnsetType = UNSET
    exposed_ports: dict[str, Empty] | UnsetType = UNSET
    env: list[str] | UnsetType = UNSET
    entrypoint: list[str] | UnsetType = UNSET
    cmd: list[str] | UnsetType = UNSET
    volumes: dict[str, Empty] | UnsetType = UNSET
    working_dir: str | UnsetType = UNSET
    labels: dict[str, str] | UnsetType = UNSET
    stop_signal: str | UnsetType = UNSET
    args_escaped: bool | UnsetType = UNSET
    healthcheck: Healthcheck | UnsetType = UNSET
    on_build: list[str] | UnsetType = field(default=UNSET, name="OnBuild")
    shell: list[str] | UnsetType = UNSET
