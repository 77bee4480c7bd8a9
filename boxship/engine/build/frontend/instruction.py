"""The instructions of the Dockerfile language as frozen types.

Values are as they are written, before variables are replaced (``arguments`` and ``evaluate`` do
that). ``statement`` holds the text, its place and the comments above. Durations are nanoseconds.
"""

from dataclasses import dataclass, field

from boxship.engine.build.frontend.place import Place
from boxship.engine.build.frontend.source import Statement
from boxship.engine.build.frontend.words import Heredoc, Pair


@dataclass(frozen=True, slots=True)
class Instruction:
    """What all have: where it is and how its name is written."""

    statement: Statement
    keyword: str
    """The name as it is written: ``RUN``, ``run``."""

    @property
    def text(self) -> str:
        """The whole instruction on one line."""
        return self.statement.text.strip()

    @property
    def place(self) -> Place:
        """Its first character."""
        return self.statement.place


@dataclass(frozen=True, slots=True)
class From(Instruction):
    """``FROM [--platform=…] image [AS name]``"""

    base: str
    stage_name: str = ""
    """In lower case; empty without AS."""
    platform: str = ""
    written_name: str = ""
    as_keyword: str = ""


@dataclass(frozen=True, slots=True)
class ArgDefinition:
    """One name of ARG."""

    name: str
    default: str | None = None
    description: str = ""
    """From a comment above that begins with the name."""


@dataclass(frozen=True, slots=True)
class Arg(Instruction):
    """``ARG name[=default] …``"""

    definitions: tuple[ArgDefinition, ...]


@dataclass(frozen=True, slots=True)
class Env(Instruction):
    """``ENV key=value …``"""

    pairs: tuple[Pair, ...]


@dataclass(frozen=True, slots=True)
class Label(Instruction):
    """``LABEL key=value …``"""

    pairs: tuple[Pair, ...]


@dataclass(frozen=True, slots=True)
class Command:
    """A command line: words to execute, or one text for the shell."""

    words: tuple[str, ...]
    """In the shell form one text, or none."""
    shell: bool = False
    heredocs: tuple[Heredoc, ...] = ()


@dataclass(frozen=True, slots=True)
class Device:
    """``--device=name[,required]``, a CDI device."""

    name: str
    required: bool = False


@dataclass(frozen=True, slots=True)
class Run(Instruction):
    """``RUN [flags] command``"""

    command: Command
    mounts: tuple[str, ...] = ()
    """As written; ``mount.parse_mount`` reads them once variables are known."""
    network: str = "default"
    security: str = "sandbox"
    devices: tuple[Device, ...] = ()
    mount_sources: tuple[str, ...] = ()
    """For each mount its ``from``, or an empty text; it takes no variables."""


@dataclass(frozen=True, slots=True)
class Document:
    """A file given in the Dockerfile itself, as a source of COPY or ADD."""

    name: str
    data: str
    expand: bool


@dataclass(frozen=True, slots=True)
class Transfer(Instruction):
    """What COPY and ADD have in common."""

    sources: tuple[str, ...]
    documents: tuple[Document, ...]
    target: str
    chown: str = ""
    chmod: str = ""
    link: bool = False
    excludes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Copy(Transfer):
    """``COPY [flags] source … target``"""

    from_: str = ""
    """A stage's name or number, a named context or an image; empty for the build context."""
    parents: bool = False


@dataclass(frozen=True, slots=True)
class Add(Transfer):
    """``ADD [flags] source … target``"""

    checksum: str = ""
    keep_git_dir: bool | None = None
    unpack: bool | None = None
    """None: local archives are unpacked, downloaded ones are not."""


@dataclass(frozen=True, slots=True)
class Cmd(Instruction):
    """``CMD``"""

    command: Command


@dataclass(frozen=True, slots=True)
class Entrypoint(Instruction):
    """``ENTRYPOINT``"""

    command: Command


@dataclass(frozen=True, slots=True)
class Shell(Instruction):
    """``SHELL ["program", "argument"]``"""

    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Expose(Instruction):
    """``EXPOSE port[/protocol] …``"""

    ports: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class User(Instruction):
    """``USER user[:group]``"""

    user: str


@dataclass(frozen=True, slots=True)
class Workdir(Instruction):
    """``WORKDIR path``"""

    path: str


@dataclass(frozen=True, slots=True)
class Volume(Instruction):
    """``VOLUME path …``"""

    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StopSignal(Instruction):
    """``STOPSIGNAL signal``"""

    signal: str


@dataclass(frozen=True, slots=True)
class Healthcheck(Instruction):
    """``HEALTHCHECK``; durations in nanoseconds, 0 for the default."""

    test: tuple[str, ...]
    """``NONE``; ``CMD`` and words; or ``CMD-SHELL`` and one text: as an image keeps it."""
    interval: int = 0
    timeout: int = 0
    start_period: int = 0
    start_interval: int = 0
    retries: int = 0


@dataclass(frozen=True, slots=True)
class Onbuild(Instruction):
    """``ONBUILD instruction``"""

    expression: str
    """The instruction with its heredocs, as an image's configuration keeps it."""
    inner: Instruction = field(compare=False)


@dataclass(frozen=True, slots=True)
class Maintainer(Instruction):
    """``MAINTAINER name``, deprecated"""

    name: str
