"""The checks that need nothing but the Dockerfile: names, letter case, comments, continuations."""

from boxship.engine.build.frontend import instruction as kinds
from boxship.engine.build.frontend.dockerfile import Dockerfile
from boxship.engine.build.frontend.lint import Linter
from boxship.gotemplate.format import quote

RESERVED = ("context", "scratch")


def check_structure(dockerfile: Dockerfile, linter: Linter) -> None:
    """Report what the text alone shows."""
    for statement in dockerfile.source.statements:
        if statement.empty_continuation:
            linter.report("NoEmptyContinuation", statement.place)
    for found in (*dockerfile.global_args, *_all(dockerfile)):
        _check_instruction(found, linter)
    _check_names(dockerfile, linter)
    _check_casing(dockerfile, linter)


def _all(dockerfile: Dockerfile) -> list[kinds.Instruction]:
    return [found for stage in dockerfile.stages for found in (stage.start, *stage.instructions)]


def _check_instruction(found: kinds.Instruction, linter: Linter) -> None:
    comments = found.statement.comments
    if isinstance(found, kinds.Maintainer):
        linter.report("MaintainerDeprecated", found.place, comments=comments)
    elif isinstance(found, kinds.From):
        _check_from(found, linter)
    elif isinstance(found, kinds.Arg):
        _check_description(
            "ARG", [definition.name for definition in found.definitions], found, linter
        )


def _check_from(found: kinds.From, linter: Linter) -> None:
    comments = found.statement.comments
    if found.written_name != found.written_name.lower():
        linter.report("StageNameCasing", found.place, found.written_name, comments=comments)
    if not _same_case(found.keyword, found.as_keyword):
        linter.report(
            "FromAsCasing", found.place, found.as_keyword, found.keyword, comments=comments
        )
    if found.stage_name:
        _check_description("FROM", [found.stage_name], found, linter)


def _same_case(keyword: str, other: str) -> bool:
    if keyword == keyword.lower():
        return other == other.lower()
    return keyword != keyword.upper() or other == other.upper()


def _check_description(
    what: str, names: list[str], found: kinds.Instruction, linter: Linter
) -> None:
    comments = found.statement.comments
    if not comments or comments[-1].split(" ")[0] in names:
        return
    example = names[0] if len(names) == 1 else "<arg_key>"
    linter.report("InvalidDefinitionDescription", found.place, what, example, comments=comments)


def _check_names(dockerfile: Dockerfile, linter: Linter) -> None:
    seen: set[str] = set()
    for stage in dockerfile.stages:
        place, name = stage.start.place, stage.name
        comments = stage.start.statement.comments
        if name in RESERVED:
            linter.report("ReservedStageName", place, quote(name), comments=comments)
        if name and name in seen:
            linter.report("DuplicateStageName", place, quote(name), comments=comments)
        seen.add(name)


def _check_casing(dockerfile: Dockerfile, linter: Linter) -> None:
    instructions = _all(dockerfile)
    lower = sum(found.keyword == found.keyword.lower() for found in instructions)
    upper = sum(found.keyword == found.keyword.upper() for found in instructions)
    wanted = "lowercase" if lower > upper else "uppercase"
    for found in instructions:
        keyword = found.keyword
        right = keyword.lower() if lower > upper else keyword.upper()
        if keyword != right:
            linter.report("ConsistentInstructionCasing", found.place, keyword, wanted)
