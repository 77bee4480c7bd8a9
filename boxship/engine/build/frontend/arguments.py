"""Build arguments: which are there without being declared, and the scope above the first FROM.

Source of behaviour: the Dockerfile reference ("ARG", "Predefined ARGs", "Automatic platform
ARGs"), BuildKit's ``dockerfile2llb``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from boxship.engine.build.frontend import instruction as kinds
from boxship.engine.build.frontend.errors import DockerfileError
from boxship.engine.build.frontend.expand import Expansion, Lexer
from boxship.engine.build.frontend.place import Place
from boxship.errors import InvalidParameterError
from boxship.oci.platform import Platform

PROXIES = ("http_proxy", "https_proxy", "ftp_proxy", "no_proxy", "all_proxy")
"""Given to every RUN when they are build arguments, in either case; no part of history or cache."""

NOT_IN_ENVIRONMENT = ("BUILDKIT_SBOM_SCAN_CONTEXT", "BUILDKIT_SBOM_SCAN_STAGE")

BUILDER_ARGS = (
    "BUILDKIT_BUILD_NAME",
    "BUILDKIT_CACHE_MOUNT_NS",
    "BUILDKIT_CONTEXT_KEEP_GIT_DIR",
    "BUILDKIT_DOCKERFILE_CHECK",
    "BUILDKIT_INLINE_CACHE",
    "BUILDKIT_MULTI_PLATFORM",
    "BUILDKIT_SANDBOX_HOSTNAME",
    "BUILDKIT_SYNTAX",
    "SOURCE_DATE_EPOCH",
)
"""Read by the builder itself."""


@dataclass(frozen=True, slots=True)
class ArgInfo:
    """A declared argument, as the outline shows it."""

    name: str
    value: str
    description: str
    place: Place
    depends: frozenset[str] = frozenset()
    """The other arguments in its default."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What FROM lines see."""

    values: Mapping[str, str]
    infos: Mapping[str, ArgInfo]


def platform_args(
    build: Platform, target: Platform, stage: str, given: Mapping[str, str]
) -> dict[str, str]:
    """The automatic arguments; those that are given win."""
    automatic = {
        "BUILDPLATFORM": build.text,
        "BUILDOS": build.os,
        "BUILDOSVERSION": build.os_version,
        "BUILDARCH": build.architecture,
        "BUILDVARIANT": build.variant,
        "TARGETPLATFORM": target.full_text,
        "TARGETOS": target.os,
        "TARGETOSVERSION": target.os_version,
        "TARGETARCH": target.architecture,
        "TARGETVARIANT": target.variant,
        "TARGETSTAGE": stage or "default",
    }
    return {name: given.get(name, value) for name, value in automatic.items()}


def proxy_environment(given: Mapping[str, str]) -> dict[str, str]:
    """The proxy variables of a RUN, in both cases."""
    found: dict[str, str] = {}
    for name in sorted(given):
        if name.lower() in PROXIES:
            found[name.lower()] = found[name.upper()] = given[name]
    return found


def global_scope(
    automatic: Mapping[str, str],
    args: tuple[kinds.Arg, ...],
    given: Mapping[str, str],
    lexer: Lexer,
) -> Scope:
    """Evaluate the ARG instructions above the first FROM. Raises DockerfileError."""
    values, infos = dict(automatic), dict[str, ArgInfo]()
    for arg in args:
        for definition in arg.definitions:
            info = _evaluate(arg, definition, values, given, lexer)
            old = infos.get(definition.name)
            if old is not None and definition.name in info.depends:
                info = replace(info, depends=info.depends | old.depends)
            info = replace(info, depends=info.depends - {definition.name})
            infos[definition.name] = info
            if definition.name in given or definition.default is not None:
                values[definition.name] = info.value
    return Scope(values, infos)


def _evaluate(
    arg: kinds.Arg,
    definition: kinds.ArgDefinition,
    values: Mapping[str, str],
    given: Mapping[str, str],
    lexer: Lexer,
) -> ArgInfo:
    name, text = definition.name, definition.description
    if name in given or definition.default is None:
        return ArgInfo(name, given.get(name, ""), text, arg.place)
    found = expand_at(lexer, definition.default, values, arg)
    return ArgInfo(name, found.text, text, arg.place, frozenset(found.matched))


def expand_at(
    lexer: Lexer, word: str, values: Mapping[str, str], where: kinds.Instruction
) -> Expansion:
    """Replace the variables of a word of an instruction. Raises DockerfileError there."""
    try:
        return lexer.expand(word, values)
    except InvalidParameterError as error:
        raise DockerfileError(str(error), where.statement.place_of(word)) from None
