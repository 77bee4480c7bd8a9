"""Each of the 22 checks: what it finds, and what it leaves alone."""

import pytest

from boxship.engine.build.frontend.ignore import IgnoreMatcher
from boxship.engine.build.frontend.lint import RULES, Checks, parse_checks
from boxship.errors import InvalidParameterError
from tests.unit.engine.build.dockerfiles import ARM64, findings, image, request

JSON = (
    "JSONArgsRecommended: JSON arguments recommended for {} to prevent unintended behavior "
    "related to OS signals (line {})"
)

CASES: list[tuple[str, list[str]]] = [
    ("FROM scratch\n", []),
    # StageNameCasing
    (
        "FROM scratch AS Build\n",
        ["StageNameCasing: Stage name 'Build' should be lowercase (line 1)"],
    ),
    ("FROM scratch AS build\n", []),
    # FromAsCasing
    (
        "FROM scratch as b\n",
        ["FromAsCasing: 'as' and 'FROM' keywords' casing do not match (line 1)"],
    ),
    (
        "from scratch AS b\n",
        ["FromAsCasing: 'AS' and 'from' keywords' casing do not match (line 1)"],
    ),
    ("from scratch as b\n", []),
    # NoEmptyContinuation
    (
        "FROM scratch\nRUN a \\\n\n  b\n",
        ["NoEmptyContinuation: Empty continuation line (line 2)"],
    ),
    ("FROM scratch\nRUN a \\\n# c\n  b\n", []),
    # ConsistentInstructionCasing
    (
        "FROM scratch\nRUN a\nrun b\n",
        [
            "ConsistentInstructionCasing: Command 'run' should match the case of the command "
            "majority (uppercase) (line 3)"
        ],
    ),
    (
        "from scratch\nrun a\nRUN b\n",
        [
            "ConsistentInstructionCasing: Command 'RUN' should match the case of the command "
            "majority (lowercase) (line 3)"
        ],
    ),
    (
        "From scratch\n",
        [
            "ConsistentInstructionCasing: Command 'From' should match the case of the command "
            "majority (uppercase) (line 1)"
        ],
    ),
    # DuplicateStageName
    (
        "FROM scratch AS b\nFROM scratch AS b\n",
        [
            'DuplicateStageName: Duplicate stage name "b", stage names should be unique (line 2)'
        ],
    ),
    # ReservedStageName
    (
        "FROM scratch AS context\n",
        [
            "ReservedStageName: Stage name should not use the same name as reserved stage "
            '"context" (line 1)'
        ],
    ),
    (
        "FROM scratch AS scratch\n",
        [
            "ReservedStageName: Stage name should not use the same name as reserved stage "
            '"scratch" (line 1)'
        ],
    ),
    # JSONArgsRecommended
    ("FROM scratch\nCMD a\n", [JSON.format("CMD", 2)]),
    ("FROM scratch\nENTRYPOINT a\n", [JSON.format("ENTRYPOINT", 2)]),
    ('FROM scratch\nCMD ["a"]\nENTRYPOINT ["b"]\n', []),
    ('FROM scratch\nSHELL ["bash", "-c"]\nCMD a\n', []),
    ('FROM scratch\nCMD ["a" "b"]\n', [JSON.format("CMD", 2)]),
    # MaintainerDeprecated
    (
        "FROM scratch\nMAINTAINER me\n",
        [
            "MaintainerDeprecated: Maintainer instruction is deprecated in favor of using label "
            "(line 2)"
        ],
    ),
    # UndefinedArgInFrom
    (
        "ARG VERSION=1\nFROM a:${VERSON:-1}\n",
        [
            "UndefinedArgInFrom: FROM argument 'VERSON' is not declared (did you mean VERSION?) "
            "(line 2)"
        ],
    ),
    (
        "FROM a:${else:-1}\n",
        ["UndefinedArgInFrom: FROM argument 'else' is not declared (line 1)"],
    ),
    (
        "FROM --platform=${BULIDPLATFORM:-linux/amd64} a\n",
        [
            "UndefinedArgInFrom: FROM argument 'BULIDPLATFORM' is not declared (did you mean "
            "BUILDPLATFORM?) (line 1)"
        ],
    ),
    # WorkdirRelativePath
    (
        "FROM scratch\nWORKDIR a\nWORKDIR b\n",
        [
            'WorkdirRelativePath: Relative workdir "a" can have unexpected results if the base '
            "image changes (line 2)"
        ],
    ),
    ("FROM scratch\nWORKDIR /a\nWORKDIR b\n", []),
    ("FROM scratch AS a\nWORKDIR /a\nFROM a\nWORKDIR b\n", []),
    # UndefinedVar
    (
        "FROM scratch\nENV path=$PAHT\n",
        ["UndefinedVar: Usage of undefined variable '$PAHT' (did you mean $PATH?) (line 2)"],
    ),
    ("FROM scratch\nCOPY $x .\n", ["UndefinedVar: Usage of undefined variable '$x' (line 2)"]),
    ("FROM scratch\nWORKDIR /${x}\n", ["UndefinedVar: Usage of undefined variable '$x' (line 2)"]),
    ("FROM scratch\nARG a=$x\n", ["UndefinedVar: Usage of undefined variable '$x' (line 2)"]),
    ("FROM scratch\nARG x\nCOPY a$x .\n", []),
    ("FROM scratch\nRUN echo $x\nCMD [\"$x\"]\n", []),
    (
        "FROM scratch\nCOPY <<E /a\n$x\nE\n",
        ["UndefinedVar: Usage of undefined variable '$x' (line 2)"],
    ),
    ("FROM scratch\nCOPY <<'E' /a\n$x\nE\n", []),
    # MultipleInstructionsDisallowed: the earlier one is told.
    (
        'FROM scratch\nCMD ["a"]\nCMD ["b"]\n',
        [
            "MultipleInstructionsDisallowed: Multiple CMD instructions should not be used in the "
            "same stage because only the last one will be used (line 2)"
        ],
    ),
    (
        'FROM scratch\nENTRYPOINT ["a"]\nENTRYPOINT ["b"]\n',
        [
            "MultipleInstructionsDisallowed: Multiple ENTRYPOINT instructions should not be used "
            "in the same stage because only the last one will be used (line 2)"
        ],
    ),
    (
        "FROM scratch\nHEALTHCHECK NONE\nHEALTHCHECK CMD x\n",
        [
            "MultipleInstructionsDisallowed: Multiple HEALTHCHECK instructions should not be used "
            "in the same stage because only the last one will be used (line 2)"
        ],
    ),
    ('FROM scratch AS a\nCMD ["a"]\nFROM a\nCMD ["b"]\n', []),
    # LegacyKeyValueFormat
    (
        "FROM scratch\nENV a b\n",
        [
            'LegacyKeyValueFormat: "ENV key=value" should be used instead of legacy "ENV key '
            'value" format (line 2)'
        ],
    ),
    (
        "from scratch\nlabel a b\n",
        [
            'LegacyKeyValueFormat: "label key=value" should be used instead of legacy "label key '
            'value" format (line 2)'
        ],
    ),
    # RedundantTargetPlatform
    (
        "FROM --platform=$TARGETPLATFORM scratch\n",
        [
            "RedundantTargetPlatform: Setting platform to predefined $TARGETPLATFORM in FROM is "
            "redundant as this is the default behavior (line 1)"
        ],
    ),
    ("FROM --platform=$BUILDPLATFORM scratch\n", []),
    ("FROM --platform=linux/$TARGETARCH scratch\n", []),
    # SecretsUsedInArgOrEnv
    *[
        (
            f"FROM scratch\n{what} {name}=x\n",
            [
                "SecretsUsedInArgOrEnv: Do not use ARG or ENV instructions for sensitive data "
                f'({what} "{name}") (line 2)'
            ],
        )
        for what, name in (
            ("ARG", "PASSWORD"), ("ENV", "db_passwd"), ("ARG", "API_KEY"), ("ENV", "AUTH"),
            ("ARG", "github_token"), ("ENV", "SECRET_MESSAGE"), ("ARG", "apikey"),
            ("ENV", "X_CREDENTIALS_Y"), ("ARG", "pword"),
        )
    ],
    ("FROM scratch\nENV TOKENIZER=x KEYS=y PUBLIC_KEY=z SECRET_FILE=a TOKEN_VERSION=b\n", []),
    # InvalidDefaultArgInFrom
    ("ARG v=1\nFROM a:$v\n", []),
    ("ARG v\nFROM a:${v:-1}\n", []),
    # FromPlatformFlagConstDisallowed
    (
        "FROM --platform=linux/arm64 scratch\n",
        [
            "FromPlatformFlagConstDisallowed: FROM --platform flag should not use constant value "
            '"linux/arm64" (line 1)'
        ],
    ),
    ("FROM --platform=linux/arm64 scratch AS for-arm64\n", []),
    ("FROM --platform=linux/arm64 scratch AS linux\n", []),
    # ExposeProtoCasing
    (
        "FROM scratch\nEXPOSE 80/TCP\n",
        ["ExposeProtoCasing: Defined protocol '80/TCP' in EXPOSE instruction should be lowercase "
         "(line 2)"],
    ),
    # ExposeInvalidFormat
    (
        "FROM scratch\nEXPOSE 8080:80\n",
        ["ExposeInvalidFormat: EXPOSE instruction should not define an IP address or host-port "
         "mapping, found '8080:80' (line 2)"],
    ),
    (
        "FROM scratch\nEXPOSE 127.0.0.1:8080:80\n",
        ["ExposeInvalidFormat: EXPOSE instruction should not define an IP address or host-port "
         "mapping, found '127.0.0.1:8080:80' (line 2)"],
    ),
    # InvalidDefinitionDescription is for those who ask for it.
    ("# something\nFROM scratch AS a\n", []),
    (
        "# check=experimental=all\n# something\nFROM scratch AS a\n",
        ["InvalidDefinitionDescription: Comment for FROM should follow the format: `# a "
         "<description>` (line 3)"],
    ),
    (
        "# check=experimental=InvalidDefinitionDescription\n# b is\nARG a\nFROM scratch\n"
        "# c is\nARG d e\n",
        ["InvalidDefinitionDescription: Comment for ARG should follow the format: `# a "
         "<description>` (line 3)",
         "InvalidDefinitionDescription: Comment for ARG should follow the format: `# <arg_key> "
         "<description>` (line 6)"],
    ),
    ("# check=experimental=all\n# a is\nFROM scratch AS a\n\n# free\n\nARG b\n", []),
    # Switched off.
    ("# check=skip=all\nFROM scratch AS B\nCMD a\n", []),
    ("# check=skip=StageNameCasing\nFROM scratch AS B\nCMD a\n", [JSON.format("CMD", 3)]),
    ("# check=skip=StageNameCasing,JSONArgsRecommended\nFROM scratch AS B\nCMD a\n", []),
    ("# check=skip=jsonargsrecommended\nFROM scratch\nCMD a\n", [JSON.format("CMD", 3)]),
    ("FROM scratch\n# check=skip=JSONArgsRecommended\nCMD a\nENTRYPOINT b\n",
     [JSON.format("ENTRYPOINT", 4)]),
    ("FROM scratch\n# check=skip=all\nCMD a\n", []),
    ("FROM scratch\n# check=nonsense\nCMD a\n", [JSON.format("CMD", 3)]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), CASES)
def test_findings(text: str, expected: list[str]) -> None:
    assert findings(text) == expected


def test_base_image_of_another_platform() -> None:
    images = {request("a:latest"): image(ARM64)}
    assert findings("FROM a\n", images) == [
        'InvalidBaseImagePlatform: Base image a was pulled with platform "linux/arm64", expected '
        '"linux/amd64" for current build (line 1)'
    ]


def test_variables_of_the_base_image_are_defined() -> None:
    images = {request("a:latest"): image(env=["HOME=/root"])}
    assert findings("FROM a\nWORKDIR $HOME\n", images) == []


IGNORED = [
    (["a"], "COPY a b", ['Copy file "a"']),
    (["a"], "COPY ./a/b c", ['Copy file "a/b"']),
    (["a"], "ADD a b", ['Add file "a"']),
    (["a"], "COPY c a d/", ['Copy file "a"']),
    (["a"], "COPY . b", []),
    (["*"], "COPY . b", ['Copy file "."']),
    (["**"], "COPY a b", ['Copy file "a"']),
    (["*", "!a"], "COPY b c", []),
    (["a"], "COPY --from=x a b", []),
    (["**"], "ADD http://example.com/a b", []),
    ([], "COPY a b", []),
]


@pytest.mark.parametrize(("patterns", "line", "expected"), IGNORED)
def test_ignored_files(patterns: list[str], line: str, expected: list[str]) -> None:
    text = f"FROM scratch AS x\nFROM scratch\n{line}\n"
    assert findings(text, ignore=IgnoreMatcher(patterns)) == [
        f"CopyIgnoredFile: Attempting to {what} that is excluded by .dockerignore (line 3)"
        for what in expected
    ]


def test_a_build_argument_replaces_the_directive() -> None:
    text = "# check=skip=all\nFROM scratch AS B\n"
    assert len(findings(text, build_args={"BUILDKIT_DOCKERFILE_CHECK": ""})) == 1
    assert (
        findings("FROM scratch AS B\n", build_args={"BUILDKIT_DOCKERFILE_CHECK": "skip=all"}) == []
    )


def test_every_rule_has_a_case() -> None:
    assert len(RULES) == 22
    tested = {line.partition(":")[0] for _, expected in CASES for line in expected}
    assert set(RULES) - tested == {
        "InvalidBaseImagePlatform",
        "CopyIgnoredFile",
        "InvalidDefaultArgInFrom",
    }


def test_options() -> None:
    assert parse_checks("") == Checks()
    assert parse_checks(" skip = A, B ; error = true ") == Checks(
        skip=frozenset({"A", "B"}), error=True
    )
    assert parse_checks("skip=all;experimental=all") == Checks(True, experimental_all=True)


@pytest.mark.parametrize("text", ["x", "skip", "warn=a", "error=maybe", "error="])
def test_options_that_are_none(text: str) -> None:
    with pytest.raises(InvalidParameterError, match="check option"):
        parse_checks(text)
