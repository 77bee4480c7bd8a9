"""From a statement's text to a typed instruction.

Source of behaviour: BuildKit's ``instructions/parse.go``; its words are kept, because people look
for them. ``read_instruction`` adds the place.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from boxship.engine.build.frontend import instruction as kinds
from boxship.engine.build.frontend.errors import DockerfileError
from boxship.engine.build.frontend.expand import SPACE
from boxship.engine.build.frontend.flags import FlagError, Flags, Kind
from boxship.engine.build.frontend.mount import mount_source, parse_device
from boxship.engine.build.frontend.place import Place
from boxship.engine.build.frontend.source import Statement
from boxship.engine.build.frontend.suggest import nearest
from boxship.engine.build.frontend.words import (
    BLANKS,
    Heredoc,
    Pair,
    parse_heredoc,
    parse_json,
    split_flags,
    split_keyword,
    split_pairs,
    split_words,
)
from boxship.errors import InvalidParameterError
from boxship.gotemplate.format import quote
from boxship.units import format_duration, parse_duration

_STAGE_NAME = re.compile(r"[a-z][a-z0-9-_.]*")
_ONBUILD = re.compile(r"^\s*ONBUILD\s*", re.IGNORECASE)
_MILLISECOND = 1_000_000
_NO_SWITCHES: dict[str, Kind] = {}

RUN_FLAGS = {
    "mount": Kind.TEXTS,
    "network": Kind.TEXT,
    "security": Kind.TEXT,
    "device": Kind.TEXTS,
}
COPY_FLAGS = {
    "from": Kind.TEXT,
    "chown": Kind.TEXT,
    "chmod": Kind.TEXT,
    "link": Kind.SWITCH,
    "parents": Kind.SWITCH,
    "exclude": Kind.TEXTS,
}
ADD_FLAGS = {
    "chown": Kind.TEXT,
    "chmod": Kind.TEXT,
    "link": Kind.SWITCH,
    "keep-git-dir": Kind.SWITCH,
    "checksum": Kind.TEXT,
    "unpack": Kind.SWITCH,
    "exclude": Kind.TEXTS,
}
HEALTHCHECK_FLAGS = {
    "interval": Kind.TEXT,
    "timeout": Kind.TEXT,
    "start-period": Kind.TEXT,
    "start-interval": Kind.TEXT,
    "retries": Kind.TEXT,
}


@dataclass(frozen=True, slots=True)
class Line:
    """A statement, cut."""

    statement: Statement
    keyword: str
    flags: tuple[str, ...]
    rest: str
    escape: str
    heredocs: tuple[Heredoc, ...]

    @property
    def name(self) -> str:
        """The instruction's name in upper case."""
        return self.keyword.upper()

    def no_flags(self) -> None:
        """Raises FlagError when there are any."""
        Flags(self.flags, _NO_SWITCHES)

    def blanks(self) -> tuple[str, ...]:
        """The words between white space."""
        return tuple(BLANKS.split(self.rest)) if self.rest else ()


class StructureError(InvalidParameterError):
    """The text cannot be cut; BuildKit's parser says so before it looks at instructions."""


def read_instruction(statement: Statement, escape: str) -> kinds.Instruction:
    """Understand one statement. Raises DockerfileError with the place of the fault."""
    keyword, rest = split_keyword(statement.text)
    flags, rest = split_flags(rest, escape)
    line = Line(statement, keyword, flags, rest, escape, statement.heredocs)
    try:
        return _read(line)
    except StructureError as error:
        raise DockerfileError(str(error), statement.place_of("")) from None
    except FlagError as error:
        raise DockerfileError(
            str(error),
            statement.place_of(error.token),
            suggestion=error.suggestion,
            of_instruction=True,
        ) from None
    except DockerfileError:
        raise
    except InvalidParameterError as error:
        raise DockerfileError(str(error), statement.place_of(""), of_instruction=True) from None


def _read(line: Line) -> kinds.Instruction:
    reader = _READERS.get(line.name)
    if reader is None:
        suggestion = nearest(line.keyword, _READERS, fold_case=True)
        raise DockerfileError(
            f"unknown instruction: {line.keyword}",
            _keyword_place(line),
            suggestion=suggestion,
            of_instruction=True,
        )
    return reader(line)


def _keyword_place(line: Line) -> Place:
    """Under ONBUILD the name is the second word."""
    own = split_keyword(line.statement.text)[0]
    return line.statement.place if own == line.keyword else line.statement.place_of(line.keyword)


def _at_least_one(line: Line, found: object) -> None:
    if not found:
        raise InvalidParameterError(f"{line.name} requires at least one argument")


def _exactly_one(line: Line) -> str:
    if not line.rest:
        raise InvalidParameterError(f"{line.name} requires exactly one argument")
    return line.rest


def _json(line: Line) -> tuple[str, ...] | None:
    try:
        return parse_json(line.rest)
    except InvalidParameterError as error:
        raise StructureError(str(error)) from None


def _command(line: Line, text: str | None = None) -> kinds.Command:
    words = _json(line) if text is None else parse_json(text)
    if words is not None:
        return kinds.Command(words)
    text = line.rest if text is None else text
    return kinds.Command((text,) if text else (), shell=True, heredocs=line.heredocs)


def description(comments: tuple[str, ...], name: str) -> str:
    """What the comments above say of a name: the first line that begins with it."""
    for comment in comments:
        if name and comment.startswith(f"{name} "):
            return comment[len(name) + 1 :]
    return ""


def _from(line: Line) -> kinds.From:
    words = line.blanks()
    named = len(words) == 3 and words[1].lower() == "as"
    if not named and len(words) != 1:
        raise InvalidParameterError("FROM requires either one or three arguments")
    name = words[2] if named else ""
    if named and not _STAGE_NAME.fullmatch(name.lower()):
        raise FlagError(
            f"invalid name for build stage: {quote(name)}, "
            "name can't start with a number or contain symbols",
            name,
        )
    flags = Flags(line.flags, {"platform": Kind.TEXT})
    return kinds.From(
        line.statement,
        line.keyword,
        words[0],
        name.lower(),
        flags.text("platform"),
        name,
        words[1] if named else "",
    )


def _arg(line: Line) -> kinds.Arg:
    words = split_words(line.rest, line.escape)
    _at_least_one(line, words)
    return kinds.Arg(line.statement, line.keyword, tuple(_definition(line, word) for word in words))


def _definition(line: Line, word: str) -> kinds.ArgDefinition:
    name, equals, default = word.partition("=")
    if not name:
        raise FlagError("ARG names can not be blank", word)
    text = description(line.statement.comments, name)
    return kinds.ArgDefinition(name, default if equals else None, text)


def _pairs(line: Line) -> tuple[Pair, ...]:
    try:
        pairs = split_pairs(line.rest, line.name, line.escape)
    except InvalidParameterError as error:
        raise StructureError(str(error)) from None
    line.no_flags()
    _at_least_one(line, pairs)
    for pair in pairs:
        if not pair.key:
            raise FlagError(f"{line.name} names can not be blank", f"={pair.value}")
    return pairs


def _env(line: Line) -> kinds.Env:
    return kinds.Env(line.statement, line.keyword, _pairs(line))


def _label(line: Line) -> kinds.Label:
    return kinds.Label(line.statement, line.keyword, _pairs(line))


def _run(line: Line) -> kinds.Run:
    command = _command(line)
    flags = Flags(line.flags, RUN_FLAGS)
    mounts = flags.texts("mount")
    network, security = flags.text("network", "default"), flags.text("security", "sandbox")
    sources = tuple(mount_source(mount) for mount in mounts)
    if network not in ("default", "none", "host"):
        raise FlagError(f"invalid network mode {quote(network)}", network)
    if security not in ("sandbox", "insecure"):
        raise FlagError(f"security {quote(security)} is not valid", security)
    devices = tuple(parse_device(device) for device in flags.texts("device"))
    return kinds.Run(
        line.statement, line.keyword, command, mounts, network, security, devices, sources
    )


def _paths(line: Line) -> tuple[tuple[str, ...], str]:
    """The sources and the target of COPY and ADD."""
    words = _json(line)
    if words is None:
        words = line.blanks()
    if len(words) < 2:
        raise InvalidParameterError(
            f"{line.name} requires at least two arguments, but only one was provided. "
            "Destination could not be determined"
        )
    return words[:-1], words[-1]


def _documents(
    line: Line, words: tuple[str, ...], target: str
) -> tuple[tuple[str, ...], tuple[kinds.Document, ...]]:
    if _heredoc(target) is not None:
        raise FlagError(f"{line.name} cannot accept a heredoc as a destination", target)
    contents = {heredoc.name: heredoc for heredoc in line.heredocs}
    sources: list[str] = []
    documents: list[kinds.Document] = []
    for word in words:
        heredoc = _heredoc(word)
        if heredoc is None:
            sources.append(word)
        else:
            full = contents.get(heredoc.name, heredoc)
            documents.append(kinds.Document(heredoc.name, full.data, heredoc.expand))
    return tuple(sources), tuple(documents)


def _heredoc(word: str) -> Heredoc | None:
    try:
        return parse_heredoc(word)
    except InvalidParameterError:
        return None


def _copy(line: Line) -> kinds.Copy:
    words, target = _paths(line)
    flags = Flags(line.flags, COPY_FLAGS)
    sources, documents = _documents(line, words, target)
    return kinds.Copy(
        line.statement,
        line.keyword,
        sources,
        documents,
        target,
        flags.text("chown"),
        flags.text("chmod"),
        bool(flags.switch("link")),
        flags.texts("exclude"),
        flags.text("from"),
        bool(flags.switch("parents")),
    )


def _add(line: Line) -> kinds.Add:
    words, target = _paths(line)
    flags = Flags(line.flags, ADD_FLAGS)
    sources, documents = _documents(line, words, target)
    return kinds.Add(
        line.statement,
        line.keyword,
        sources,
        documents,
        target,
        flags.text("chown"),
        flags.text("chmod"),
        bool(flags.switch("link")),
        flags.texts("exclude"),
        flags.text("checksum"),
        flags.switch("keep-git-dir"),
        flags.switch("unpack"),
    )


def _cmd(line: Line) -> kinds.Cmd:
    command = _command(line)
    line.no_flags()
    return kinds.Cmd(line.statement, line.keyword, command)


def _entrypoint(line: Line) -> kinds.Entrypoint:
    command = _command(line)
    line.no_flags()
    return kinds.Entrypoint(line.statement, line.keyword, command)


def _shell(line: Line) -> kinds.Shell:
    words = _json(line)
    line.no_flags()
    if words is None and line.rest:
        raise InvalidParameterError(
            f"SHELL requires the arguments to be in JSON form, not: {line.statement.text.strip()}"
        )
    _at_least_one(line, words)
    return kinds.Shell(line.statement, line.keyword, words or ())


def _expose(line: Line) -> kinds.Expose:
    _at_least_one(line, line.rest)
    line.no_flags()
    return kinds.Expose(line.statement, line.keyword, tuple(sorted(line.blanks())))


def _user(line: Line) -> kinds.User:
    user = _exactly_one(line)
    line.no_flags()
    return kinds.User(line.statement, line.keyword, user)


def _workdir(line: Line) -> kinds.Workdir:
    path = _exactly_one(line)
    line.no_flags()
    return kinds.Workdir(line.statement, line.keyword, path)


def _volume(line: Line) -> kinds.Volume:
    words = _json(line)
    if words is None:
        words = line.blanks()
    _at_least_one(line, words)
    line.no_flags()
    paths = tuple(word.strip(SPACE) for word in words)
    if not all(paths):
        raise InvalidParameterError("VOLUME specified can not be an empty string")
    return kinds.Volume(line.statement, line.keyword, paths)


def _stop_signal(line: Line) -> kinds.StopSignal:
    signal = _exactly_one(line)
    line.no_flags()
    return kinds.StopSignal(line.statement, line.keyword, signal)


def _maintainer(line: Line) -> kinds.Maintainer:
    name = _exactly_one(line)
    line.no_flags()
    return kinds.Maintainer(line.statement, line.keyword, name)


def _healthcheck(line: Line) -> kinds.Healthcheck:
    kind, rest = split_keyword(line.rest)
    _at_least_one(line, kind)
    if kind.upper() == "NONE":
        if rest:
            raise FlagError("HEALTHCHECK NONE takes no arguments", rest)
        return kinds.Healthcheck(line.statement, line.keyword, ("NONE",))
    flags = Flags(line.flags, HEALTHCHECK_FLAGS)
    if kind.upper() != "CMD":
        raise FlagError(f"Unknown type {quote(kind.upper())} in HEALTHCHECK (try CMD)", kind)
    command = _command(line, rest.strip(SPACE))
    if not command.words:
        raise InvalidParameterError("Missing command after HEALTHCHECK CMD")
    test = ("CMD-SHELL" if command.shell else "CMD", *command.words)
    return kinds.Healthcheck(
        line.statement,
        line.keyword,
        test,
        _interval(flags, "interval"),
        _interval(flags, "timeout"),
        _interval(flags, "start-period"),
        _interval(flags, "start-interval"),
        _retries(flags.text("retries")),
    )


def _interval(flags: Flags, name: str) -> int:
    text = flags.text(name)
    if not text:
        return 0
    try:
        duration = parse_duration(text)
    except InvalidParameterError as error:
        raise FlagError(str(error), text) from None
    if duration and duration < _MILLISECOND:
        shortest = format_duration(_MILLISECOND)
        raise FlagError(f"Interval {quote(name)} cannot be less than {shortest}", text)
    return duration


def _retries(text: str) -> int:
    if not text:
        return 0
    sign, digits = (text[0], text[1:]) if text[0] in "+-" else ("", text)
    if not (digits.isascii() and digits.isdigit()):
        raise FlagError(f"strconv.ParseInt: parsing {quote(text)}: invalid syntax", text)
    if len(digits) > 10 or int(digits) >= 1 << 31:
        raise FlagError(f"strconv.ParseInt: parsing {quote(text)}: value out of range", text)
    if sign == "-" and int(digits):
        raise FlagError(f"--retries cannot be negative ({int(text)})", text)
    return int(digits)


def _onbuild(line: Line) -> kinds.Onbuild:
    keyword, rest = split_keyword(line.rest)
    _at_least_one(line, keyword)
    line.no_flags()
    trigger = keyword.upper()
    if trigger == "ONBUILD":
        raise InvalidParameterError("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed")
    if trigger in ("MAINTAINER", "FROM"):
        raise InvalidParameterError(f"{trigger} isn't allowed as an ONBUILD trigger")
    flags, rest = split_flags(rest, line.escape)
    inner = _read(Line(line.statement, keyword, flags, rest, line.escape, line.heredocs))
    return kinds.Onbuild(line.statement, line.keyword, _expression(line.statement), inner)


def _expression(statement: Statement) -> str:
    parts = [_ONBUILD.sub("", statement.text)]
    parts += [f"{heredoc.content}{heredoc.name}" for heredoc in statement.heredocs]
    return "\n".join(parts)


_READERS: dict[str, Callable[[Line], kinds.Instruction]] = {
    "ADD": _add,
    "ARG": _arg,
    "CMD": _cmd,
    "COPY": _copy,
    "ENTRYPOINT": _entrypoint,
    "ENV": _env,
    "EXPOSE": _expose,
    "FROM": _from,
    "HEALTHCHECK": _healthcheck,
    "LABEL": _label,
    "MAINTAINER": _maintainer,
    "ONBUILD": _onbuild,
    "RUN": _run,
    "SHELL": _shell,
    "STOPSIGNAL": _stop_signal,
    "USER": _user,
    "VOLUME": _volume,
    "WORKDIR": _workdir,
}
