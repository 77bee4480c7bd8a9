"""A whole Dockerfile: global arguments and stages.

``parse(text)`` is the way in. What needs build arguments, a platform or base images is in
``evaluate``.
"""

from dataclasses import dataclass
from functools import cached_property

from boxship.engine.build.frontend import instruction as kinds
from boxship.engine.build.frontend.errors import DockerfileError
from boxship.engine.build.frontend.place import NOWHERE
from boxship.engine.build.frontend.reader import description, read_instruction
from boxship.engine.build.frontend.source import Source, Statement, directive, read
from boxship.engine.build.frontend.suggest import nearest
from boxship.gotemplate.format import quote

BUILT_IN_SYNTAX = "dockerfile.v0"
_OFFICIAL = ("docker/dockerfile", "docker/dockerfile-upstream")


@dataclass(frozen=True)
class Stage:
    """One FROM and what follows it."""

    index: int
    start: kinds.From
    instructions: tuple[kinds.Instruction, ...]

    @property
    def name(self) -> str:
        """In lower case; empty without AS."""
        return self.start.stage_name

    @property
    def label(self) -> str:
        """The name, or ``stage-<index>``."""
        return self.name or f"stage-{self.index}"

    @property
    def description(self) -> str:
        """From a comment above FROM that begins with the name."""
        return description(self.start.statement.comments, self.name)


@dataclass(frozen=True)
class Dockerfile:
    """A Dockerfile that is well-formed."""

    source: Source
    global_args: tuple[kinds.Arg, ...]
    """The ARG instructions above the first FROM."""
    stages: tuple[Stage, ...]

    @property
    def filename(self) -> str:
        """As it was given to ``parse``."""
        return self.source.filename

    @property
    def escape(self) -> str:
        """The escape character: a backslash or a backtick."""
        return self.source.escape

    @cached_property
    def syntax(self) -> str:
        """The frontend that ``# syntax=`` asks for; empty without it."""
        found = directive("syntax", self.source.text, any_format=True)
        return found.value.split(" ")[0] if found else ""

    @cached_property
    def check(self) -> str:
        """The value of ``# check=``; empty without it."""
        found = directive("check", self.source.text)
        return found.value.split(" ")[0] if found else ""

    @property
    def stage_names(self) -> tuple[str, ...]:
        """The names that stages were given, in order."""
        return tuple(stage.name for stage in self.stages if stage.name)

    def stage(self, name: str) -> Stage | None:
        """The stage of a name; of two with one name the later."""
        wanted = name.lower()
        return next((one for one in reversed(self.stages) if one.name == wanted), None)

    def target(self, name: str = "") -> Stage:
        """The stage to build: by name or number; without one the last.

        Raises DockerfileError in BuildKit's words.
        """
        if not name:
            return self.stages[-1]
        found = self.stage(name)
        if found is None and name.isascii() and name.isdigit() and len(name) < 10:
            found = self.stages[int(name)] if int(name) < len(self.stages) else None
        if found is None:
            labels = [stage.label for stage in self.stages]
            raise DockerfileError(
                f"target stage {quote(name)} could not be found",
                NOWHERE,
                suggestion=nearest(name, labels),
            )
        return found


def parse(text: str, filename: str = "Dockerfile") -> Dockerfile:
    """Read a Dockerfile.

    ``text`` may hold lone surrogates where the file is not UTF-8 (``source.decode``). Raises
    DockerfileError, which has file, line, column, the line itself and often a suggestion.
    """
    if not text:
        raise DockerfileError("the Dockerfile cannot be empty")
    source = read(text, filename)
    instructions = [read_instruction(one, source.escape) for one in source.statements]
    first = next((at for at, one in enumerate(instructions) if isinstance(one, kinds.From)), None)
    head = instructions if first is None else instructions[:first]
    args = tuple(_global_arg(one) for one in head)
    if first is None:
        raise DockerfileError("dockerfile contains no stages to build", source.statements[-1].place)
    return Dockerfile(source, args, _stages(instructions[first:]))


def _global_arg(found: kinds.Instruction) -> kinds.Arg:
    if not isinstance(found, kinds.Arg):
        raise DockerfileError("no build stage in current context", found.place)
    return found


def _stages(instructions: list[kinds.Instruction]) -> tuple[Stage, ...]:
    starts: list[kinds.From] = []
    bodies: list[list[kinds.Instruction]] = []
    for one in instructions:
        if isinstance(one, kinds.From):
            starts.append(one)
            bodies.append([])
        else:
            bodies[-1].append(one)
    pairs = enumerate(zip(starts, bodies, strict=True))
    return tuple(Stage(index, start, tuple(body)) for index, (start, body) in pairs)


def parse_trigger(expression: str, base: Stage) -> kinds.Instruction:
    """Read an ONBUILD expression of a base image; its place is the stage's FROM.

    Raises DockerfileError.
    """
    where = base.start.place
    try:
        source = read(expression, where.filename)
        if len(source.statements) != 1:
            raise DockerfileError("onbuild trigger should be a single expression", where)
        return read_instruction(_moved(source.statements[0], base), source.escape)
    except DockerfileError as error:
        raise DockerfileError(error.reason, where) from None


def _moved(statement: Statement, base: Stage) -> Statement:
    target = base.start.statement
    return Statement(
        statement.text,
        target.filename,
        target.start,
        target.end,
        target.pieces,
        target.lines,
        heredocs=statement.heredocs,
    )


def foreign_syntax(syntax: str) -> bool:
    """Does ``# syntax=`` name another frontend than the Dockerfile's?"""
    repository = syntax.partition("@")[0].removeprefix("docker.io/")
    name, _, tag = repository.rpartition("/") if "/" in repository else ("", "", repository)
    path = f"{name}/{tag.partition(':')[0]}" if name else tag.partition(":")[0]
    return bool(syntax) and syntax != BUILT_IN_SYNTAX and path not in _OFFICIAL
