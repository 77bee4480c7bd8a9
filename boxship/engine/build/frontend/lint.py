"""Build checks: BuildKit's 22 rules, and ``# check=skip=…;experimental=…;error=…``.

Names, descriptions and messages are BuildKit's (``linter/ruleset.go``); where a rule is applied is
in ``evaluate`` and ``structure``.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from boxship.engine.build.frontend.errors import DockerfileError
from boxship.engine.build.frontend.mount import parse_go_bool
from boxship.engine.build.frontend.place import Place
from boxship.errors import InvalidParameterError
from boxship.gotemplate.format import quote


@dataclass(frozen=True, slots=True)
class Rule:
    """One check."""

    name: str
    description: str
    message: str
    """With ``{}`` for each value."""
    experimental: bool = False
    """Only applied when it is asked for."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule that a Dockerfile breaks, and where."""

    rule: Rule
    message: str
    place: Place

    def __str__(self) -> str:
        where = f" (line {self.place.line})" if self.place.line else ""
        return f"{self.rule.name}: {self.message}{where}"


_RULES = (
    Rule(
        "StageNameCasing",
        "Stage names should be lowercase",
        "Stage name '{}' should be lowercase",
    ),
    Rule(
        "FromAsCasing",
        "The 'as' keyword should match the case of the 'from' keyword",
        "'{}' and '{}' keywords' casing do not match",
    ),
    Rule(
        "NoEmptyContinuation",
        "Empty continuation lines will become errors in a future release",
        "Empty continuation line",
    ),
    Rule(
        "ConsistentInstructionCasing",
        "All commands within the Dockerfile should use the same casing (either upper or lower)",
        "Command '{}' should match the case of the command majority ({})",
    ),
    Rule(
        "DuplicateStageName",
        "Stage names should be unique",
        "Duplicate stage name {}, stage names should be unique",
    ),
    Rule(
        "ReservedStageName",
        "Reserved words should not be used as stage names",
        "Stage name should not use the same name as reserved stage {}",
    ),
    Rule(
        "JSONArgsRecommended",
        "JSON arguments recommended for ENTRYPOINT/CMD to prevent unintended behavior related to "
        "OS signals",
        "JSON arguments recommended for {} to prevent unintended behavior related to OS signals",
    ),
    Rule(
        "MaintainerDeprecated",
        "The MAINTAINER instruction is deprecated, use a label instead to define an image author",
        "Maintainer instruction is deprecated in favor of using label",
    ),
    Rule(
        "UndefinedArgInFrom",
        "FROM command must use declared ARGs",
        "FROM argument '{}' is not declared{}",
    ),
    Rule(
        "WorkdirRelativePath",
        "Relative workdir without an absolute workdir declared within the build can have "
        "unexpected results if the base image changes",
        "Relative workdir {} can have unexpected results if the base image changes",
    ),
    Rule(
        "UndefinedVar",
        "Variables should be defined before their use",
        "Usage of undefined variable '${}'{}",
    ),
    Rule(
        "MultipleInstructionsDisallowed",
        "Multiple instructions of the same type should not be used in the same stage",
        "Multiple {} instructions should not be used in the same stage because only the last one "
        "will be used",
    ),
    Rule(
        "LegacyKeyValueFormat",
        "Legacy key/value format with whitespace separator should not be used",
        '"{0} key=value" should be used instead of legacy "{0} key value" format',
    ),
    Rule(
        "InvalidBaseImagePlatform",
        "Base image platform does not match expected target platform",
        "Base image {} was pulled with platform {}, expected {} for current build",
    ),
    Rule(
        "RedundantTargetPlatform",
        "Setting platform to predefined $TARGETPLATFORM in FROM is redundant as this is the "
        "default behavior",
        "Setting platform to predefined {} in FROM is redundant as this is the default behavior",
    ),
    Rule(
        "SecretsUsedInArgOrEnv",
        "Sensitive data should not be used in the ARG or ENV commands",
        "Do not use ARG or ENV instructions for sensitive data ({} {})",
    ),
    Rule(
        "InvalidDefaultArgInFrom",
        "Default value for global ARG results in an empty or invalid base image name",
        "Default value for ARG {} results in empty or invalid base image name",
    ),
    Rule(
        "FromPlatformFlagConstDisallowed",
        "FROM --platform flag should not use a constant value",
        "FROM --platform flag should not use constant value {}",
    ),
    Rule(
        "CopyIgnoredFile",
        "Attempting to Copy file that is excluded by .dockerignore",
        "Attempting to {} file {} that is excluded by .dockerignore",
    ),
    Rule(
        "InvalidDefinitionDescription",
        "Comment for build stage or argument should follow the format: `# <arg/stage name> "
        "<description>`. If this is not intended to be a description comment, add an empty line "
        "or comment between the instruction and the comment.",
        "Comment for {} should follow the format: `# {} <description>`",
        experimental=True,
    ),
    Rule(
        "ExposeProtoCasing",
        "Protocol in EXPOSE instruction should be lowercase",
        "Defined protocol '{}' in EXPOSE instruction should be lowercase",
    ),
    Rule(
        "ExposeInvalidFormat",
        "IP address and host-port mapping should not be used in EXPOSE instruction. This will "
        "become an error in a future release",
        "EXPOSE instruction should not define an IP address or host-port mapping, found '{}'",
    ),
)

RULES = {rule.name: rule for rule in _RULES}


@dataclass(frozen=True, slots=True)
class Checks:
    """Which rules hold."""

    skip_all: bool = False
    skip: frozenset[str] = frozenset()
    experimental_all: bool = False
    experimental: frozenset[str] = frozenset()
    error: bool = False
    """A finding fails the build."""

    def applies(self, rule: Rule) -> bool:
        """Is the rule looked at?"""
        if rule.experimental:
            return self.experimental_all or rule.name in self.experimental
        return not self.skip_all and rule.name not in self.skip

    def merged(self, other: "Checks") -> "Checks":
        """Both together; ``error`` stays this one's."""
        return Checks(
            self.skip_all or other.skip_all,
            self.skip | other.skip,
            self.experimental_all or other.experimental_all,
            self.experimental | other.experimental,
            self.error,
        )


def parse_checks(text: str) -> Checks:
    """Read ``skip=A,B;experimental=all;error=true``.

    Raises InvalidParameterError in BuildKit's words.
    """
    values: dict[str, str] = {}
    for part in text.split(";", 2) if text.strip() else ():
        key, equals, value = part.partition("=")
        if not equals or key.strip() not in ("skip", "experimental", "error"):
            raise InvalidParameterError(
                f"invalid check option {quote(key.strip() if equals else part)}"
            )
        values[key.strip()] = value.strip()
    skip, experimental = _names(values, "skip"), _names(values, "experimental")
    return Checks(
        skip_all=values.get("skip") == "all",
        skip=skip,
        experimental_all=values.get("experimental") == "all",
        experimental=experimental,
        error=_error(values.get("error", "false")),
    )


def _names(values: dict[str, str], key: str) -> frozenset[str]:
    text = values.get(key, "")
    return frozenset(name.strip() for name in text.split(",") if text not in ("", "all"))


def _error(text: str) -> bool:
    found = parse_go_bool(text)
    if found is None:
        raise InvalidParameterError(
            f"failed to parse check option {quote(f'error={text}')}: strconv.ParseBool: parsing "
            f"{quote(text)}: invalid syntax"
        )
    return found


class Linter:
    """Collects findings, in the order in which they are found, each once."""

    def __init__(self, checks: Checks) -> None:
        self._checks = checks
        self._findings: dict[Finding, None] = {}

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What was found, by line."""
        return tuple(sorted(self._findings, key=lambda one: one.place.line))

    def report(self, name: str, place: Place, *values: str, comments: Iterable[str] = ()) -> None:
        """Note that a rule is broken, unless it is switched off here.

        ``comments`` are those above the instruction: ``# check=skip=Rule`` holds for it alone.
        """
        rule = RULES[name]
        if self._checks.merged(_local(comments)).applies(rule):
            self._findings[Finding(rule, rule.message.format(*values), place)] = None

    def raise_for_findings(self) -> None:
        """Raises DockerfileError when findings are errors (``# check=error=true``)."""
        if self._checks.error and self._findings:
            names = sorted({finding.rule.name for finding in self._findings})
            raise DockerfileError(
                f"lint violation found for rules: {', '.join(names)}", self.findings[0].place
            )


def _local(comments: Iterable[str]) -> Checks:
    for comment in comments:
        key, equals, value = comment.partition("=")
        if equals and key.strip().lower() == "check":
            try:
                return parse_checks(value.strip().partition(" ")[0])
            except InvalidParameterError:
                return Checks()
    return Checks()


def hint(suggestion: str, mark: str = "") -> str:
    """`` (did you mean …?)``, or nothing."""
    return f" (did you mean {mark}{suggestion}?)" if suggestion else ""
