"""The JSON shapes of ``/exec``."""

from msgspec import field

from boxship.api.schema.shape import Int64, Shape, StringOrList


class ExecConfig(Shape):
    """Body of ``POST /containers/{id}/exec``."""

    user: str = ""
    privileged: bool = False
    tty: bool = False
    console_size: list[Int64] | None = None
    attach_stdin: bool = False
    attach_stderr: bool = False
    attach_stdout: bool = False
    detach_keys: str = ""
    env: list[str] | None = None
    working_dir: str = ""
    cmd: StringOrList = None


class ExecStartBody(Shape):
    """Body of ``POST /exec/{id}/start``."""

    detach: bool = False
    tty: bool = False
    console_size: list[Int64] | None = None


class ExecCreated(Shape):
    """Answer to exec create."""

    id: str


class ProcessConfig(Shape, rename=None):
    """What an exec session runs; these keys are in lower case."""

    tty: bool
    entrypoint: str
    arguments: list[str]
    privileged: bool
    user: str


class ExecInspected(Shape):
    """Answer to ``GET /exec/{id}/json``."""

    id: str = field(name="ID")
    running: bool
    exit_code: int | None
    process_config: ProcessConfig
    open_stdin: bool
    open_stderr: bool
    open_stdout: bool
    can_remove: bool
    container_id: str
    detach_keys: str
    pid: int
