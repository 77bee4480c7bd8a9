"""What ``build --call=outline`` and ``--call=targets`` show, as data."""

from collections.abc import Iterator
from dataclasses import dataclass

from boxship.engine.build.frontend.arguments import ArgInfo
from boxship.engine.build.frontend.dockerfile import Dockerfile
from boxship.engine.build.frontend.evaluate import Evaluation, Wanted
from boxship.engine.build.frontend.place import Place


@dataclass(frozen=True, slots=True)
class Target:
    """A stage that can be built."""

    name: str
    """Empty when it has none."""
    description: str
    default: bool
    """It is built when nothing is said."""
    base: str
    platform: str
    place: Place


@dataclass(frozen=True, slots=True)
class Outline:
    """What a target can be given: arguments, secrets, ssh agents, each by its place."""

    name: str
    description: str
    arguments: tuple[ArgInfo, ...]
    secrets: tuple[Wanted, ...]
    ssh: tuple[Wanted, ...]


def targets(dockerfile: Dockerfile) -> tuple[Target, ...]:
    """All stages, in order; names and bases as they are written."""
    last = len(dockerfile.stages) - 1
    return tuple(
        Target(
            stage.name,
            stage.description,
            stage.index == last,
            stage.start.base,
            stage.start.platform,
            stage.start.place,
        )
        for stage in dockerfile.stages
    )


def outline(evaluation: Evaluation) -> Outline:
    """What the evaluated target and the stages that it needs ask for."""
    target = evaluation.stages[evaluation.target].stage
    stages = evaluation.stages.values()
    return Outline(
        target.name,
        target.description,
        _by_place({info.name: info for info in _arguments(evaluation)}),
        _wanted([one for stage in stages for one in stage.secrets]),
        _wanted([one for stage in stages for one in stage.ssh]),
    )


def _arguments(evaluation: Evaluation) -> Iterator[ArgInfo]:
    """Global ones that are used, also inside of the default of another; then the stages' own."""
    infos = evaluation.scope.infos
    queue = [name for stage in evaluation.stages.values() for name in stage.used_arguments]
    seen: set[str] = set()
    while queue:
        name = queue.pop()
        if name in infos and name not in seen:
            seen.add(name)
            yield infos[name]
            queue.extend(infos[name].depends)
    for stage in evaluation.stages.values():
        yield from stage.arguments


def _by_place(infos: dict[str, ArgInfo]) -> tuple[ArgInfo, ...]:
    return tuple(sorted(infos.values(), key=lambda info: info.place.line))


def _wanted(found: list[Wanted]) -> tuple[Wanted, ...]:
    first: dict[str, Wanted] = {}
    for one in sorted(found, key=lambda one: one.place.line):
        first.setdefault(one.name, one)
    return tuple(first.values())
