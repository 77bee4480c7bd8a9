"""What a stage is while its instructions are gone through: environment, and the image to be."""

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass, field

from boxship.engine.build.frontend.arguments import ArgInfo
from boxship.engine.build.frontend.instruction import Instruction
from boxship.engine.build.frontend.mount import Mount
from boxship.engine.build.frontend.place import Place
from boxship.gotemplate.format import quote
from boxship.oci.image import ExecutionConfig, HealthcheckConfig, ImageConfig
from boxship.oci.platform import Platform

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
DEFAULT_SHELL = ("/bin/sh", "-c")
WINDOWS_SHELL = ("cmd", "/S", "/C")


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the files of a FROM, a COPY or a mount come from."""

    kind: str
    """``context``, ``stage``, ``image``, ``named`` (context) or ``scratch``."""
    name: str = ""
    """Of an image: its reference; of a named context: its name."""
    stage: int = -1


CONTEXT = Origin("context")
SCRATCH = Origin("scratch")


@dataclass(frozen=True, slots=True)
class Step:
    """An instruction with its variables replaced, and what it finds when it is reached."""

    instruction: Instruction
    environment: tuple[tuple[str, str], ...]
    """ENV and ARG together, in the order in which they were set."""
    arguments: tuple[tuple[str, str], ...]
    """The build arguments in scope, which a RUN depends on and history shows."""
    workdir: str
    user: str
    shell: tuple[str, ...]
    created_by: str
    """As history says it."""
    layer: bool = False
    """Does it make a layer?"""
    mounts: tuple[Mount, ...] = ()
    origins: tuple[Origin, ...] = ()
    """Of COPY one, of RUN one for each mount."""
    is_trigger: bool = False
    """It was an ONBUILD of the base."""


@dataclass(slots=True)
class StageState:
    """Mutable; one for each stage that is evaluated."""

    platform: Platform
    env: dict[str, str] = field(default_factory=dict)
    """Of the image to be."""
    scope: dict[str, str] = field(default_factory=dict)
    """ENV and ARG together."""
    args: dict[str, str | None] = field(default_factory=dict)
    infos: dict[str, ArgInfo] = field(default_factory=dict)
    used_args: set[str] = field(default_factory=set)
    author: str = ""
    workdir: str = ""
    user: str = ""
    shell: tuple[str, ...] = ()
    labels: dict[str, str] = field(default_factory=dict)
    ports: list[str] = field(default_factory=list)
    volumes: list[str] = field(default_factory=list)
    cmd: tuple[str, ...] | None = None
    entrypoint: tuple[str, ...] | None = None
    args_escaped: bool = False
    healthcheck: HealthcheckConfig | None = None
    stop_signal: str = ""
    triggers: list[str] = field(default_factory=list)
    workdir_set: bool = False
    last_of: dict[str, Place] = field(default_factory=dict)
    """Where CMD, ENTRYPOINT and HEALTHCHECK were given last."""
    secrets: dict[str, tuple[bool, Place]] = field(default_factory=dict)
    ssh: dict[str, tuple[bool, Place]] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)

    def child(self) -> "StageState":
        """The start of a stage that is built FROM this one."""
        return StageState(
            self.platform,
            env=dict(self.env),
            scope=dict(self.scope),
            args=dict(self.args),
            author=self.author,
            workdir=self.workdir,
            user=self.user,
            shell=self.shell,
            labels=dict(self.labels),
            ports=list(self.ports),
            volumes=list(self.volumes),
            cmd=self.cmd,
            entrypoint=self.entrypoint,
            args_escaped=self.args_escaped,
            healthcheck=self.healthcheck,
            stop_signal=self.stop_signal,
            workdir_set=self.workdir_set,
        )

    def with_shell(self, words: tuple[str, ...]) -> tuple[str, ...]:
        """A command in the shell form as it is executed."""
        default = WINDOWS_SHELL if self.platform.os == "windows" else DEFAULT_SHELL
        return (*(self.shell or default), " ".join(words))

    def set_path(self) -> None:
        """A stage always has a PATH, except on Windows."""
        if "PATH" not in self.env and self.platform.os != "windows":
            self.env["PATH"] = self.scope["PATH"] = DEFAULT_PATH

    def image(self) -> ImageConfig:
        """The image's configuration, without layers and history."""
        config = ExecutionConfig(
            user=self.user,
            exposed_ports={port: {} for port in sorted(set(self.ports))},
            env=[f"{name}={value}" for name, value in self.env.items()],
            cmd=None if self.cmd is None else list(self.cmd),
            healthcheck=self.healthcheck,
            args_escaped=self.args_escaped,
            volumes={path: {} for path in sorted(set(self.volumes))},
            working_dir=self.workdir,
            entrypoint=None if self.entrypoint is None else list(self.entrypoint),
            on_build=list(self.triggers),
            labels=dict(self.labels),
            stop_signal=self.stop_signal,
            shell=list(self.shell),
        )
        return ImageConfig(
            author=self.author,
            architecture=self.platform.architecture,
            variant=self.platform.variant,
            os=self.platform.os,
            os_version=self.platform.os_version,
            config=config,
        )


def from_image(image: ImageConfig | None, platform: Platform) -> StageState:
    """The start of a stage that is built FROM an image; None: nothing is known of it."""
    if image is None:
        return StageState(platform)
    config = image.config
    env = dict(_split(entry) for entry in config.env)
    return StageState(
        platform,
        env=env,
        scope=dict(env),
        author=image.author,
        workdir=join_path("/", config.working_dir) if config.working_dir else "",
        user=config.user,
        shell=tuple(config.shell),
        labels=dict(config.labels),
        ports=list(config.exposed_ports),
        volumes=list(config.volumes),
        cmd=None if config.cmd is None else tuple(config.cmd),
        entrypoint=None if config.entrypoint is None else tuple(config.entrypoint),
        args_escaped=config.args_escaped,
        healthcheck=config.healthcheck,
        stop_signal=config.stop_signal,
    )


def _split(entry: str) -> tuple[str, str]:
    name, _, value = entry.partition("=")
    return name, value


def join_path(parent: str, path: str) -> str:
    """An absolute, clean path; ``path`` may be relative to ``parent``."""
    joined = posixpath.normpath(posixpath.join("/", parent or "/", path))
    return joined[1:] if joined.startswith("//") else joined


def destination(workdir: str, path: str) -> str:
    """As ``join_path``; what ends with a slash still does, for it means a directory."""
    joined = join_path(workdir, path)
    is_directory = path.endswith(("/", "/.")) or path in ("", ".")
    return f"{joined}/" if is_directory and joined != "/" else joined


def go_list(words: tuple[str, ...]) -> str:
    """Go's ``%q`` of a list: ``["a" "b"]``."""
    return f"[{' '.join(quote(word) for word in words)}]"


def arguments_prefix(args: Mapping[str, str]) -> str:
    """``|2 a=1 b=2 `` in front of a RUN in history."""
    if not args:
        return ""
    pairs = " ".join(f"{name}={value}" for name, value in args.items())
    return f"|{len(args)} {pairs} "
