"""A Dockerfile with its arguments, target and platform: which stages, which steps, which images.

``evaluate`` does no I/O. Configurations of base images are given to it; those that it lacks are in
``Evaluation.missing``, and stages built on them are evaluated as if the image said nothing. So one
evaluates, fetches what is missing, and evaluates again until nothing is (an ONBUILD of a base image
may name further images).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from boxship.engine.build.frontend import instruction as kinds
from boxship.engine.build.frontend.arguments import (
    ArgInfo,
    Scope,
    expand_at,
    global_scope,
    platform_args,
)
from boxship.engine.build.frontend.dockerfile import Dockerfile, Stage, parse_trigger
from boxship.engine.build.frontend.effects import Apply, Surroundings
from boxship.engine.build.frontend.errors import DockerfileError
from boxship.engine.build.frontend.expand import Expansion, Lexer
from boxship.engine.build.frontend.ignore import IgnoreMatcher
from boxship.engine.build.frontend.lint import Checks, Finding, Linter, hint, parse_checks
from boxship.engine.build.frontend.place import Place
from boxship.engine.build.frontend.state import (
    CONTEXT,
    SCRATCH,
    Origin,
    StageState,
    Step,
    from_image,
)
from boxship.engine.build.frontend.structure import RESERVED, check_structure
from boxship.engine.build.frontend.suggest import nearest
from boxship.errors import InvalidParameterError
from boxship.gotemplate.format import quote
from boxship.oci.image import ImageConfig
from boxship.oci.platform import Platform, host_platform, parse_platform
from boxship.reference import parse_normalized


@dataclass(frozen=True, slots=True)
class ImageRequest:
    """An image that a build needs."""

    reference: str
    """Normalized, with a tag or a digest."""
    platform: Platform
    written: str = field(default="", compare=False)
    """As the Dockerfile has it."""


@dataclass(frozen=True, slots=True)
class Options:
    """What a build is asked for."""

    target: str = ""
    """A stage's name or number; empty for the last."""
    build_args: Mapping[str, str] = field(default_factory=dict)
    target_platform: Platform = field(default_factory=host_platform)
    build_platform: Platform = field(default_factory=host_platform)
    contexts: frozenset[str] = frozenset()
    """Names of contexts (``--build-context name=…``); they stand for stages and images."""
    ignore: IgnoreMatcher | None = None
    all_stages: bool = False
    """Evaluate stages too that the target does not need (``--check`` without a target)."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A secret or an ssh agent that a RUN asks for."""

    name: str
    required: bool
    place: Place


@dataclass(frozen=True, slots=True)
class EvaluatedStage:
    """A stage that is needed."""

    stage: Stage
    origin: Origin
    """What it is built FROM; of an image the reference as written, variables replaced."""
    request: ImageRequest | None
    platform: Platform
    steps: tuple[Step, ...]
    image: ImageConfig
    """Configuration of the result, without layers and history."""
    inherited_triggers: int
    """How many of the steps are ONBUILDs of the base."""
    arguments: tuple[ArgInfo, ...]
    """Those that it declares."""
    used_arguments: frozenset[str]
    """Those that it declares or that its FROM uses."""
    secrets: tuple[Wanted, ...]
    ssh: tuple[Wanted, ...]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The result: all that the graph is made of."""

    dockerfile: Dockerfile
    options: Options
    target: int
    """The index of the stage to build."""
    stages: Mapping[int, EvaluatedStage]
    """By index, those that are needed, bases first."""
    scope: Scope
    missing: tuple[ImageRequest, ...]
    """Base images whose configurations were not given."""
    findings: tuple[Finding, ...]


def evaluate(
    dockerfile: Dockerfile,
    options: Options,
    images: Mapping[ImageRequest, ImageConfig] | None = None,
) -> Evaluation:
    """Go through the stages. Raises DockerfileError with the place of what is wrong."""
    return _Evaluator(dockerfile, options, images or {}).run()


@dataclass(frozen=True, slots=True)
class Checked:
    """The result of ``build --check``."""

    findings: tuple[Finding, ...]
    error: DockerfileError | None
    """Why the Dockerfile cannot be built; ``# check=error=true`` is no reason here."""
    missing: tuple[ImageRequest, ...] = ()


def check(
    dockerfile: Dockerfile,
    options: Options,
    images: Mapping[ImageRequest, ImageConfig] | None = None,
) -> Checked:
    """As ``evaluate``, for the findings; those up to an error are kept.

    Raises DockerfileError only for ``# check=`` itself.
    """
    evaluator = _Evaluator(dockerfile, options, images or {})
    try:
        evaluation = evaluator.run()
    except DockerfileError as error:
        return Checked(evaluator.findings, None if evaluator.failed_by_findings else error)
    return Checked(evaluation.findings, None, evaluation.missing)


@dataclass(slots=True)
class _Draft:
    """A stage while it is worked on."""

    stage: Stage
    base: str
    platform: Platform | None
    base_stage: int = -1
    named: bool = False
    """A named context stands in its place."""
    used: frozenset[str] = frozenset()
    triggers: tuple[kinds.Instruction, ...] = ()
    origins: dict[int, tuple[Origin, ...]] = field(default_factory=dict)
    request: ImageRequest | None = None
    state: StageState | None = None


class _Evaluator:
    def __init__(
        self,
        dockerfile: Dockerfile,
        options: Options,
        images: Mapping[ImageRequest, ImageConfig],
    ) -> None:
        self._file = dockerfile
        self._options = options
        self._images = images
        self._lexer = Lexer(escape=dockerfile.escape)
        self._linter = Linter(self._checks())
        self._missing: dict[ImageRequest, None] = {}
        self._drafts: list[_Draft] = []
        self.failed_by_findings = False

    def _checks(self) -> Checks:
        text = self._options.build_args.get("BUILDKIT_DOCKERFILE_CHECK", self._file.check)
        try:
            return parse_checks(text)
        except InvalidParameterError as error:
            raise DockerfileError(f"failed to parse check options: {error}") from None

    @property
    def findings(self) -> tuple[Finding, ...]:
        return self._linter.findings

    def run(self) -> Evaluation:
        target = self._file.target(self._options.target)
        check_structure(self._file, self._linter)
        scope = self._scope(target)
        around = Surroundings(
            self._lexer, self._options.build_args, scope, self._linter, self._options.ignore
        )
        self._drafts = [self._draft(stage, scope) for stage in self._file.stages]
        needed = self._needed(target)
        for index in sorted(needed):
            self._dispatch(self._drafts[index], around)
        self.failed_by_findings = True
        self._linter.raise_for_findings()
        return Evaluation(
            self._file,
            self._options,
            target.index,
            {index: self._evaluated(self._drafts[index]) for index in sorted(needed)},
            scope,
            tuple(self._missing),
            self._linter.findings,
        )

    def _scope(self, target: Stage) -> Scope:
        options = self._options
        automatic = platform_args(
            options.build_platform,
            options.target_platform,
            options.target or target.name,
            options.build_args,
        )
        args = self._file.global_args
        self._check_defaults(automatic)
        return global_scope(automatic, args, options.build_args, self._lexer)

    def _check_defaults(self, automatic: Mapping[str, str]) -> None:
        """Are base names good when no build argument is given?"""
        try:
            scope = global_scope(automatic, self._file.global_args, {}, self._lexer)
        except DockerfileError:
            return
        for stage in self._file.stages:
            try:
                base = self._lexer.expand(stage.start.base, scope.values).text
            except InvalidParameterError:
                return
            if not _is_reference(base):
                self._report("InvalidDefaultArgInFrom", stage, stage.start.base)

    def _report(self, rule: str, stage: Stage, *values: str) -> None:
        comments = stage.start.statement.comments
        self._linter.report(rule, stage.start.place, *values, comments=comments)

    def _draft(self, stage: Stage, scope: Scope) -> _Draft:
        start = stage.start
        found = self._expand(start.base, stage, scope)
        if not found.text:
            raise DockerfileError(
                f"base name ({start.base}) should not be blank",
                start.statement.place_of(start.base),
            )
        platform, used = self._platform(stage, scope) if start.platform else (None, ())
        draft = _Draft(stage, found.text, platform, used=frozenset({*found.matched, *used}))
        if self._is_context(stage.name):
            draft.named = True
        else:
            draft.base_stage = self._find(found.text, stage.index)
        return draft

    def _find(self, name: str, below: int) -> int:
        """The last stage of that name above; -1 without one."""
        names = [stage.name for stage in self._file.stages[:below]]
        return max((at for at, one in enumerate(names) if one == name), default=-1)

    def _expand(self, word: str, stage: Stage, scope: Scope) -> Expansion:
        found = expand_at(self._lexer, word, scope.values, stage.start)
        known = {*scope.values, *scope.infos}
        for name in found.unmatched:
            if name not in known:
                self._report("UndefinedArgInFrom", stage, name, hint(nearest(name, known)))
        return found

    def _platform(self, stage: Stage, scope: Scope) -> tuple[Platform, tuple[str, ...]]:
        written = stage.start.platform
        found = self._expand(written, stage, scope)
        self._check_platform(stage, written, found, scope)
        place = stage.start.statement.place_of(written)
        suggestion = next(filter(None, (nearest(n, scope.values) for n in found.unmatched)), "")
        if not found.text:
            raise DockerfileError(
                f"empty platform value from expression {written}", place, suggestion=suggestion
            )
        try:
            return parse_platform(found.text), found.matched
        except InvalidParameterError as error:
            raise DockerfileError(
                f"failed to parse platform {written}: {error}", place, suggestion=suggestion
            ) from None

    def _check_platform(self, stage: Stage, written: str, found: Expansion, scope: Scope) -> None:
        target = scope.values.get("TARGETPLATFORM")
        if found.matched == ("TARGETPLATFORM",) and not found.unmatched and found.text == target:
            self._report("RedundantTargetPlatform", stage, written)
        if found.matched or found.unmatched:
            return
        try:
            platform = parse_platform(found.text)
        except InvalidParameterError:
            return
        if platform.os not in stage.name and platform.architecture not in stage.name:
            self._report("FromPlatformFlagConstDisallowed", stage, quote(found.text))

    def _is_context(self, name: str) -> bool:
        contexts = self._options.contexts
        plain = name.lower()
        return (
            bool(name)
            and plain not in RESERVED
            and (plain in contexts or f"{plain}:latest" in contexts or name in contexts)
        )

    def _origin(self, name: str, found: kinds.Instruction) -> Origin:
        """What ``--from`` or a mount's ``from`` names."""
        if isinstance(found, kinds.Copy) and name.isascii() and name.lstrip("-").isdigit():
            return Origin("stage", name, self._numbered(name, found))
        index = self._find(name.lower(), len(self._file.stages))
        if index >= 0:
            return Origin("stage", name, index)
        if name == "scratch":
            return SCRATCH
        if self._is_context(name):
            return Origin("named", name)
        if not _is_reference(name):
            raise DockerfileError(
                f"failed to parse stage name {quote(name)}: invalid reference format",
                found.statement.place_of(name),
                suggestion=nearest(name, self._file.stage_names),
            )
        return Origin("image", name)

    def _numbered(self, name: str, found: kinds.Instruction) -> int:
        index = int(name) if len(name) < 10 else -1
        if not 0 <= index < len(self._file.stages):
            raise DockerfileError(f"invalid stage index {name}", found.statement.place_of(name))
        return index

    def _origins(self, found: kinds.Instruction) -> tuple[Origin, ...]:
        if isinstance(found, kinds.Copy):
            if not found.from_:
                return (CONTEXT,)
            self._no_variables(found)
            return (self._origin(found.from_, found),)
        if isinstance(found, kinds.Add):
            return (CONTEXT,)
        if isinstance(found, kinds.Run):
            return tuple(
                self._origin(name, found) if name else CONTEXT for name in found.mount_sources
            )
        return ()

    def _no_variables(self, found: kinds.Copy) -> None:
        if expand_at(self._lexer, found.from_, {}, found).text != found.from_:
            raise DockerfileError(
                "variable expansion is not supported for --from, define a new stage with FROM "
                "using ARG from global scope as a workaround",
                found.statement.place_of(found.from_),
            )

    def _needed(self, target: Stage) -> set[int]:
        """The stages to evaluate; triggers of base images may bring more of them."""
        for draft in self._drafts:
            draft.origins = self._origins_of(draft)
        self._check_cycles()
        while True:
            needed = self._reachable(target.index)
            if self._options.all_stages:
                needed = set(range(len(self._drafts)))
            if not any(self._add_triggers(self._drafts[index]) for index in sorted(needed)):
                return needed

    def _origins_of(self, draft: _Draft) -> dict[int, tuple[Origin, ...]]:
        if draft.named:
            return {}
        all_of_them = (*draft.triggers, *draft.stage.instructions)
        return {at: self._origins(found) for at, found in enumerate(all_of_them)}

    def _dependencies(self, draft: _Draft) -> Iterable[int]:
        if draft.base_stage >= 0:
            yield draft.base_stage
        for origins in draft.origins.values():
            yield from (origin.stage for origin in origins if origin.kind == "stage")

    def _reachable(self, start: int) -> set[int]:
        found, queue = {start}, [start]
        while queue:
            for index in self._dependencies(self._drafts[queue.pop()]):
                if index not in found:
                    found.add(index)
                    queue.append(index)
        return found

    def _check_cycles(self) -> None:
        for draft in self._drafts:
            index = draft.stage.index
            for dependency in self._dependencies(draft):
                if dependency >= index and index in self._reachable(dependency):
                    raise DockerfileError(
                        f"circular dependency detected on stage: {draft.stage.label}",
                        self._culprit(draft, dependency).place,
                    )

    def _culprit(self, draft: _Draft, dependency: int) -> kinds.Instruction:
        everything = (*draft.triggers, *draft.stage.instructions)
        return next(
            everything[at]
            for at, origins in draft.origins.items()
            if any(origin.stage == dependency for origin in origins)
        )

    def _add_triggers(self, draft: _Draft) -> bool:
        """Put the ONBUILDs of the base in front; True when that was new."""
        if draft.triggers or draft.named:
            return False
        expressions = self._trigger_texts(draft)
        draft.triggers = tuple(parse_trigger(text, draft.stage) for text in expressions)
        if draft.triggers:
            draft.origins = self._origins_of(draft)
            self._check_cycles()
        return bool(draft.triggers)

    def _trigger_texts(self, draft: _Draft) -> list[str]:
        if draft.base_stage >= 0:
            base = self._drafts[draft.base_stage].stage
            return [
                found.expression for found in base.instructions if isinstance(found, kinds.Onbuild)
            ]
        request = self._request(draft)
        image = self._images.get(request) if request else None
        return list(image.config.on_build) if image else []

    def _request(self, draft: _Draft) -> ImageRequest | None:
        """The image that a stage is built on, if it is one."""
        if draft.named or draft.base_stage >= 0 or draft.base == "scratch":
            return None
        if self._is_context(draft.base):
            return None
        if draft.request is None:
            platform = draft.platform or self._options.target_platform
            draft.request = ImageRequest(self._normalized(draft), platform, draft.base)
        return draft.request

    def _normalized(self, draft: _Draft) -> str:
        try:
            return str(parse_normalized(draft.base).with_default_tag())
        except InvalidParameterError as error:
            start = draft.stage.start
            raise DockerfileError(
                f"failed to parse stage name {quote(draft.base)}: {error}",
                start.statement.place_of(start.base),
                suggestion=nearest(draft.base, self._file.stage_names),
            ) from None

    def _dispatch(self, draft: _Draft, around: Surroundings) -> None:
        state = draft.state = self._start(draft)
        if draft.named:
            return
        state.used_args |= draft.used
        state.set_path()
        applying = Apply(state, around)
        triggers = len(draft.triggers)
        for at, found in enumerate((*draft.triggers, *draft.stage.instructions)):
            self._check_order(draft, at, found)
            applying.apply(found, draft.origins[at], is_trigger=at < triggers)

    def _check_order(self, draft: _Draft, at: int, found: kinds.Instruction) -> None:
        for origin in draft.origins[at]:
            if origin.kind == "stage" and origin.stage >= draft.stage.index:
                verb = "copy" if isinstance(found, kinds.Copy) else "mount"
                raise DockerfileError(
                    f"cannot {verb} from stage {quote(origin.name)}, it needs to be defined "
                    f"before current stage {quote(draft.stage.label)}",
                    found.statement.place_of(origin.name),
                )

    def _start(self, draft: _Draft) -> StageState:
        if draft.base_stage >= 0 and not draft.named:
            base = self._drafts[draft.base_stage].state
            if base is not None:
                return base.child()
        request = self._request(draft)
        image = self._images.get(request) if request else None
        if request is not None and image is None:
            self._missing[request] = None
        platform = draft.platform or self._options.target_platform
        if image is not None and request is not None:
            self._check_image(draft, image, platform)
        return from_image(image, platform)

    def _check_image(self, draft: _Draft, image: ImageConfig, wanted: Platform) -> None:
        found = image.platform
        if (found.os, found.architecture) != (wanted.os, wanted.architecture):
            self._report(
                "InvalidBaseImagePlatform",
                draft.stage,
                draft.base,
                quote(found.full_text),
                quote(wanted.full_text),
            )

    def _evaluated(self, draft: _Draft) -> EvaluatedStage:
        state = draft.state or StageState(self._options.target_platform)
        used = sorted(state.infos.values(), key=lambda info: info.place.line)
        return EvaluatedStage(
            draft.stage,
            self._base_origin(draft),
            self._request(draft),
            state.platform,
            tuple(state.steps),
            state.image(),
            len(draft.triggers),
            tuple(used),
            frozenset(state.used_args),
            _wanted(state.secrets),
            _wanted(state.ssh),
        )

    def _base_origin(self, draft: _Draft) -> Origin:
        if draft.named:
            return Origin("named", draft.stage.name)
        if draft.base_stage >= 0:
            return Origin("stage", draft.base, draft.base_stage)
        if draft.base == "scratch":
            return SCRATCH
        return Origin("named" if self._is_context(draft.base) else "image", draft.base)


def _wanted(found: Mapping[str, tuple[bool, Place]]) -> tuple[Wanted, ...]:
    return tuple(Wanted(name, required, place) for name, (required, place) in found.items())


def _is_reference(text: str) -> bool:
    try:
        parse_normalized(text)
    except InvalidParameterError:
        return False
    return True
