"""What each instruction does to its stage: environment, image configuration, steps.

Source of behaviour: BuildKit's ``dockerfile2llb`` (``dispatch…``), the Dockerfile reference.
``Apply`` is made for one stage; ``apply`` goes through its instructions in order.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from boxship.engine.build.frontend import instruction as kinds
from boxship.engine.build.frontend import transfer
from boxship.engine.build.frontend.arguments import NOT_IN_ENVIRONMENT, ArgInfo, Scope
from boxship.engine.build.frontend.errors import DockerfileError
from boxship.engine.build.frontend.expand import Expansion, Lexer
from boxship.engine.build.frontend.flags import FlagError
from boxship.engine.build.frontend.ignore import IgnoreMatcher
from boxship.engine.build.frontend.lint import Linter, hint
from boxship.engine.build.frontend.mount import Mount, parse_mount
from boxship.engine.build.frontend.ports import parse_exposed
from boxship.engine.build.frontend.replaced import with_values
from boxship.engine.build.frontend.state import (
    Origin,
    StageState,
    Step,
    arguments_prefix,
    go_list,
    join_path,
)
from boxship.engine.build.frontend.suggest import nearest
from boxship.engine.build.frontend.words import Heredoc, parse_heredoc
from boxship.engine.containers.signals import parse_signal
from boxship.errors import InvalidParameterError
from boxship.gotemplate.format import quote
from boxship.oci.image import HealthcheckConfig
from boxship.units import format_duration

HEREDOC_DIRECTORY = "/dev/pipes"
"""Where a RUN finds a heredoc that begins with ``#!``."""

_SECRET = re.compile(
    r"(?:_|^)(?:apikey|auth|credential|credentials|key|password|pword|passwd|secret|token)(?:_|$)",
    re.IGNORECASE,
)
_NO_SECRET = re.compile(r"(?:_|^)(?:public|file|version)(?:_|$)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What is the same for all stages."""

    lexer: Lexer
    given: Mapping[str, str]
    scope: Scope
    linter: Linter
    ignore: IgnoreMatcher | None


class Apply:
    """Goes through the instructions of one stage."""

    def __init__(self, state: StageState, around: Surroundings) -> None:
        self._state = state
        self._around = around
        self._found: kinds.Instruction
        self._step: dict[str, Any] = {}

    def apply(
        self, found: kinds.Instruction, origins: tuple[Origin, ...], *, is_trigger: bool = False
    ) -> None:
        """Raises DockerfileError with the place of the instruction."""
        self._found = found
        state = self._state
        before = tuple(state.scope.items()), state.workdir or "/", state.user, state.shell
        self._step = {"origins": origins, "is_trigger": is_trigger}
        try:
            ready = with_values(found, self._word, self._document)
            created_by = _EFFECTS[type(found)](self, ready)
        except DockerfileError:
            raise
        except FlagError as error:
            raise DockerfileError(
                str(error), found.statement.place_of(error.token), suggestion=error.suggestion
            ) from None
        except InvalidParameterError as error:
            raise DockerfileError(str(error), found.statement.place_of("")) from None
        state.steps.append(
            Step(ready, before[0], self._arguments(), *before[1:], created_by, **self._step)
        )

    def _arguments(self) -> tuple[tuple[str, str], ...]:
        scope = self._state.scope
        return tuple(
            (name, scope.get(name, value or "")) for name, value in self._state.args.items()
        )

    def _report(self, rule: str, *values: str) -> None:
        self._around.linter.report(
            rule, self._found.place, *values, comments=self._found.statement.comments
        )

    def _noted(self, expansion: Expansion) -> Expansion:
        """Report variables that nobody defined."""
        for name in expansion.unmatched:
            if name not in self._state.args and name not in NOT_IN_ENVIRONMENT:
                suggestion = nearest(name, self._state.scope)
                self._report("UndefinedVar", name, hint(suggestion, "$"))
        return expansion

    def _word(self, word: str) -> str:
        return self._noted(self._around.lexer.expand(word, self._state.scope)).text

    def _document(self, text: str) -> str:
        lexer = Lexer(plain_quotes=True)
        return self._noted(lexer.expand(text, self._state.scope)).text

    def _check_secret(self, what: str, name: str) -> None:
        if _SECRET.search(name) and not _NO_SECRET.search(name):
            self._report("SecretsUsedInArgOrEnv", what, quote(name))

    def arg(self, found: kinds.Arg) -> str:
        """ARG: build arguments win, then the default, then the global scope."""
        return "ARG " + " ".join(self._argument(found, one) for one in found.definitions)

    def _argument(self, found: kinds.Arg, definition: kinds.ArgDefinition) -> str:
        name, state, around = definition.name, self._state, self._around
        self._check_secret("ARG", name)
        value = around.given.get(name)
        inherited = False
        if value is None and definition.default is not None:
            value = self._word(definition.default)
        elif value is None:
            value = around.scope.values.get(name)
            inherited = value is not None
        if value is not None and name not in NOT_IN_ENVIRONMENT:
            state.scope[name] = value
        if not inherited:
            state.infos[name] = ArgInfo(name, value or "", definition.description, found.place)
        state.used_args.add(name)
        state.args[name] = value
        return name if value is None else f"{name}={value}"

    def env(self, found: kinds.Env) -> str:
        """ENV."""
        for pair in found.pairs:
            if pair.legacy:
                self._report("LegacyKeyValueFormat", found.keyword)
            self._check_secret("ENV", pair.key)
            self._state.scope[pair.key] = self._state.env[pair.key] = pair.value
        return "ENV " + " ".join(map(str, found.pairs))

    def label(self, found: kinds.Label) -> str:
        """LABEL."""
        for pair in found.pairs:
            if pair.legacy:
                self._report("LegacyKeyValueFormat", found.keyword)
            self._state.labels[pair.key] = pair.value
        return "LABEL " + " ".join(map(str, found.pairs))

    def run(self, found: kinds.Run) -> str:
        """RUN."""
        mounts = tuple(parse_mount(text, self._word) for text in found.mounts)
        for mount in mounts:
            self._note_mount(mount, found)
        self._step |= {"layer": True, "mounts": mounts}
        words, _ = run_command(found.command)
        if found.command.shell:
            words = self._state.with_shell(words)
        prefix = arguments_prefix(dict(self._arguments()))
        return f"RUN {prefix}{' '.join(words)} # buildkit"

    def _note_mount(self, mount: Mount, found: kinds.Run) -> None:
        if mount.type == "secret":
            self._state.secrets.setdefault(secret_id(mount), (mount.required, found.place))
        elif mount.type == "ssh":
            self._state.ssh.setdefault(mount.id or "default", (mount.required, found.place))
        elif join_path(self._state.workdir, mount.target) == "/":
            raise FlagError(f"invalid mount target {quote(mount.target or '/')}", mount.target)

    def copy(self, found: kinds.Copy | kinds.Add) -> str:
        """COPY and ADD."""
        transfer.check(found)
        is_add = isinstance(found, kinds.Add)
        if isinstance(found, kinds.Add) or not found.from_:
            for name in transfer.ignored_sources(found, self._around.ignore):
                self._report("CopyIgnoredFile", "Add" if is_add else "Copy", quote(name))
        self._step["layer"] = True
        return _transfer_history(found)

    def workdir(self, found: kinds.Workdir) -> str:
        """WORKDIR; a relative one is below the one before."""
        state = self._state
        if not state.workdir_set and not found.path.startswith("/"):
            self._report("WorkdirRelativePath", quote(found.path))
        state.workdir_set = True
        state.workdir = join_path(state.workdir, found.path)
        self._step["layer"] = state.workdir != "/"
        return f"WORKDIR {state.workdir}"

    def _only_once(self, found: kinds.Instruction) -> None:
        """The earlier one is told of: it is the one that does not count."""
        name = found.keyword.upper()
        before = self._state.last_of.get(name)
        if before is not None:
            self._around.linter.report(
                "MultipleInstructionsDisallowed",
                before,
                found.keyword,
                comments=found.statement.comments,
            )
        self._state.last_of[name] = found.place

    def _words(self, found: kinds.Cmd | kinds.Entrypoint) -> tuple[str, ...]:
        self._only_once(found)
        if not found.command.shell:
            return found.command.words
        if not self._state.shell:
            self._report("JSONArgsRecommended", found.keyword)
        return self._state.with_shell(found.command.words)

    def cmd(self, found: kinds.Cmd) -> str:
        """CMD."""
        self._state.cmd = self._words(found)
        self._state.args_escaped = True
        return f"CMD {go_list(self._state.cmd)}"

    def entrypoint(self, found: kinds.Entrypoint) -> str:
        """ENTRYPOINT; a CMD that the base brought is gone."""
        words = self._words(found)
        self._state.entrypoint = words
        if "CMD" not in self._state.last_of:
            self._state.cmd = None
        return f"ENTRYPOINT {go_list(words)}"

    def healthcheck(self, found: kinds.Healthcheck) -> str:
        """HEALTHCHECK."""
        self._only_once(found)
        self._state.healthcheck = HealthcheckConfig(
            list(found.test),
            found.interval,
            found.timeout,
            found.start_period,
            found.start_interval,
            found.retries,
        )
        return _health_history(found)

    def expose(self, found: kinds.Expose) -> str:
        """EXPOSE; one word may become several."""
        ports: list[str] = []
        for written in found.ports:
            expansion = self._noted(self._around.lexer.expand(written, self._state.scope))
            for word in expansion.words:
                exposed = parse_exposed(word)
                if exposed.protocol != exposed.protocol.lower():
                    self._report("ExposeProtoCasing", word)
                if exposed.has_host_part:
                    self._report("ExposeInvalidFormat", word)
                ports.extend(exposed.ports)
        self._state.ports.extend(ports)
        return f"EXPOSE [{' '.join(ports)}]"

    def user(self, found: kinds.User) -> str:
        """USER."""
        self._state.user = found.user
        return f"USER {found.user}"

    def volume(self, found: kinds.Volume) -> str:
        """VOLUME."""
        if not all(found.paths):
            raise InvalidParameterError("VOLUME specified can not be an empty string")
        self._state.volumes.extend(found.paths)
        return f"VOLUME [{' '.join(found.paths)}]"

    def stop_signal(self, found: kinds.StopSignal) -> str:
        """STOPSIGNAL."""
        parse_signal(found.signal, 0)
        self._state.stop_signal = found.signal
        return f"STOPSIGNAL {found.signal}"

    def shell(self, found: kinds.Shell) -> str:
        """SHELL."""
        self._state.shell = found.words
        return f"SHELL [{' '.join(found.words)}]"

    def onbuild(self, found: kinds.Onbuild) -> str:
        """ONBUILD; no step of this image."""
        self._state.triggers.append(found.expression)
        return ""

    def maintainer(self, found: kinds.Maintainer) -> str:
        """MAINTAINER."""
        self._state.author = found.name
        return f"MAINTAINER {found.name}"


_EFFECTS: dict[type[kinds.Instruction], Callable[[Apply, Any], str]] = {
    kinds.Add: Apply.copy,
    kinds.Arg: Apply.arg,
    kinds.Cmd: Apply.cmd,
    kinds.Copy: Apply.copy,
    kinds.Entrypoint: Apply.entrypoint,
    kinds.Env: Apply.env,
    kinds.Expose: Apply.expose,
    kinds.Healthcheck: Apply.healthcheck,
    kinds.Label: Apply.label,
    kinds.Maintainer: Apply.maintainer,
    kinds.Onbuild: Apply.onbuild,
    kinds.Run: Apply.run,
    kinds.Shell: Apply.shell,
    kinds.StopSignal: Apply.stop_signal,
    kinds.User: Apply.user,
    kinds.Volume: Apply.volume,
    kinds.Workdir: Apply.workdir,
}


def secret_id(mount: Mount) -> str:
    """The name under which a secret is asked for."""
    return mount.source or mount.id or mount.target.rstrip("/").rpartition("/")[2]


def run_command(command: kinds.Command) -> tuple[tuple[str, ...], Heredoc | None]:
    """The words of a RUN with its heredocs in place, before a shell is put in front.

    The second is a document that begins with ``#!`` and stands alone: it has to be there as a
    program, under HEREDOC_DIRECTORY, which the words name.
    """
    if not command.heredocs or not command.words:
        return command.words, None
    first = command.heredocs[0]
    if is_lone_heredoc(command):
        if first.data.startswith("#!"):
            return (f"{HEREDOC_DIRECTORY}/{first.name}",), first
        return (first.data,), None
    documents = "".join(f"\n{one.content}{one.name}" for one in command.heredocs)
    return (command.words[0] + documents,), None


def is_lone_heredoc(command: kinds.Command) -> bool:
    """Is a RUN nothing but a document?"""
    try:
        return bool(command.heredocs) and parse_heredoc(command.words[0]) is not None
    except InvalidParameterError:
        return False


def _transfer_history(found: kinds.Copy | kinds.Add) -> str:
    parts = [type(found).__name__.upper()]
    if isinstance(found, kinds.Copy) and found.parents:
        parts.append("--parents")
    parts += [f"--chown={found.chown}"] if found.chown else []
    parts += [f"--chmod={found.chmod}"] if found.chmod else []
    parts += found.sources
    parts += [f"<<{document.name}" for document in found.documents]
    return " ".join([*parts, found.target, "# buildkit"])


def _health_history(found: kinds.Healthcheck) -> str:
    """As Go prints the structure, with ``%+v``."""
    times = (
        ("Interval", found.interval),
        ("Timeout", found.timeout),
        ("StartPeriod", found.start_period),
        ("StartInterval", found.start_interval),
    )
    text = " ".join(f"{name}:{format_duration(value)}" for name, value in times)
    return f"HEALTHCHECK {{Test:[{' '.join(found.test)}] {text} Retries:{found.retries}}}"
