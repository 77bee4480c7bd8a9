"""Each kind of mistake in a Dockerfile, with the words and the place that it is answered with."""

import pytest

from tests.unit.engine.build.dockerfiles import fault

ON_LINE_2 = "dockerfile parse error on line 2: "
TWO_ARGUMENTS = (
    "requires at least two arguments, but only one was provided. Destination could not be "
    "determined"
)
STRINGS_ONLY = "when using JSON array syntax, arrays must be comprised of strings only"
BAD_MODE = "it should be octal string and between 0 and 07777"

# One line below "FROM scratch": the line, the message, the column.
INSTRUCTIONS = [
    # Names that do not exist.
    ("FORM x", ON_LINE_2 + "unknown instruction: FORM (did you mean FROM?)", 1),
    ("form x", ON_LINE_2 + "unknown instruction: form (did you mean from?)", 1),
    ("RUNN x", ON_LINE_2 + "unknown instruction: RUNN (did you mean RUN?)", 1),
    ("CPOY a b", ON_LINE_2 + "unknown instruction: CPOY (did you mean COPY?)", 1),
    ("AD a b", ON_LINE_2 + "unknown instruction: AD (did you mean ADD?)", 1),
    ("ENTRYPIONT x", ON_LINE_2 + "unknown instruction: ENTRYPIONT (did you mean ENTRYPOINT?)", 1),
    ("EXPSE 80", ON_LINE_2 + "unknown instruction: EXPSE (did you mean EXPOSE?)", 1),
    ("WORKDIRR /", ON_LINE_2 + "unknown instruction: WORKDIRR (did you mean WORKDIR?)", 1),
    ("LABLE a=b", ON_LINE_2 + "unknown instruction: LABLE (did you mean LABEL?)", 1),
    ("USR me", ON_LINE_2 + "unknown instruction: USR (did you mean USER?)", 1),
    ("VOLUMES /x", ON_LINE_2 + "unknown instruction: VOLUMES (did you mean VOLUME?)", 1),
    ("HEALTHCHEK x", ON_LINE_2 + "unknown instruction: HEALTHCHEK (did you mean HEALTHCHECK?)", 1),
    ("INCLUDE other", ON_LINE_2 + "unknown instruction: INCLUDE", 1),
    ("apt-get update", ON_LINE_2 + "unknown instruction: apt-get", 1),
    ("  indented", ON_LINE_2 + "unknown instruction: indented", 3),
    ("\\", ON_LINE_2 + "unknown instruction: ", 1),
    ("{}", ON_LINE_2 + "unknown instruction: {}", 1),
    # FROM.
    ("FROM", ON_LINE_2 + "FROM requires either one or three arguments", 5),
    ("FROM a b", ON_LINE_2 + "FROM requires either one or three arguments", 6),
    ("FROM a AS", ON_LINE_2 + "FROM requires either one or three arguments", 6),
    ("FROM a AS b c", ON_LINE_2 + "FROM requires either one or three arguments", 6),
    ("FROM a IS b", ON_LINE_2 + "FROM requires either one or three arguments", 6),
    (
        "FROM a AS 1b",
        ON_LINE_2 + 'invalid name for build stage: "1b", name can\'t start with a number or '
        "contain symbols",
        11,
    ),
    (
        "FROM a AS b/c",
        ON_LINE_2 + 'invalid name for build stage: "b/c", name can\'t start with a number or '
        "contain symbols",
        11,
    ),
    (
        "FROM a AS _b",
        ON_LINE_2 + 'invalid name for build stage: "_b", name can\'t start with a number or '
        "contain symbols",
        11,
    ),
    ("FROM --platfrom=x a", ON_LINE_2 + "unknown flag: --platfrom (did you mean platform?)", 6),
    ("FROM --platform a", ON_LINE_2 + "missing a value on flag: --platform", 6),
    (
        "FROM --platform=a --platform=b c",
        ON_LINE_2 + "duplicate flag specified: --platform",
        6,
    ),
    ("FROM --platform=$NONE a", "empty platform value from expression $NONE", 17),
    (
        "FROM --platform=$TARGETPLATFROM a",
        "empty platform value from expression $TARGETPLATFROM (did you mean TARGETPLATFORM?)",
        17,
    ),
    ("FROM $NOTHING", "base name ($NOTHING) should not be blank", 6),
    ("FROM ${X:?which}", 'failed to process "${X:?which}": X: which', 6),
    (
        "FROM Upper",
        'failed to parse stage name "Upper": invalid reference format: repository name '
        "(library/Upper) must be lowercase",
        6,
    ),
    ("FROM a:b:c", 'failed to parse stage name "a:b:c": invalid reference format', 6),
    ("FROM a@sha256:12", None, 6),
    # ARG, ENV, LABEL.
    ("ARG", ON_LINE_2 + "ARG requires at least one argument", 4),
    ("ARG =x", ON_LINE_2 + "ARG names can not be blank", 5),
    ("ARG a=${b", "failed to process \"${b\": syntax error: missing '}'", 5),
    ("ENV", ON_LINE_2 + "ENV requires at least one argument", 4),
    ("ENV a", "ENV must have two arguments", 5),
    ("ENV =b", ON_LINE_2 + "ENV names can not be blank", 5),
    (
        "ENV a=b c",
        'Syntax error - can\'t find = in "c". Must be of the form: name=value',
        5,
    ),
    ("ENV --x a=b", ON_LINE_2 + "unknown flag: --x", 5),
    ("ENV a=${}", 'failed to process "${}": syntax error: bad substitution', 5),
    ("ENV a=${:x}", 'failed to process "${:x}": syntax error: bad substitution', 5),
    ("ENV a=${{x}}", 'failed to process "${{x}}": syntax error: bad substitution', 5),
    ("ENV a=${b", "failed to process \"${b\": syntax error: missing '}'", 5),
    ("ENV a=${b:-c", "failed to process \"${b:-c\": syntax error: missing '}'", 5),
    ("ENV a=${b!c}", 'failed to process "${b!c}": unsupported modifier (!) in substitution', 5),
    ("ENV a=${b:!c}", 'failed to process "${b:!c}": unsupported modifier (:!) in substitution', 5),
    ("ENV a=${b:#c}", 'failed to process "${b:#c}": unsupported modifier (:#) in substitution', 5),
    ("ENV a=${b:%c}", 'failed to process "${b:%c}": unsupported modifier (:%) in substitution', 5),
    ("ENV a=${b?}", 'failed to process "${b?}": b: is not allowed to be unset', 5),
    ("ENV a=${b:?}", 'failed to process "${b:?}": b: is not allowed to be unset', 5),
    ("ENV a=${b:?no b}", None, 5),
    ("ENV a=${b/c}", "failed to process \"${b/c}\": syntax error: missing '/' in ${}", 5),
    ("ENV a=${b/c/d", "failed to process \"${b/c/d\": syntax error: missing '}'", 5),
    (
        "ENV a=${b#\\x}",
        'failed to process "${b#\\\\x}": invalid pattern (\\x) in substitution: invalid escape '
        "'\\x'",
        5,
    ),
    (
        "ENV a='b",
        'failed to process "\'b": unexpected end of statement while looking for matching '
        "single-quote",
        5,
    ),
    (
        'ENV a="b',
        'failed to process "\\"b": unexpected end of statement while looking for matching '
        "double-quote",
        5,
    ),
    ("LABEL", ON_LINE_2 + "LABEL requires at least one argument", 6),
    ("LABEL a", "LABEL must have two arguments", 7),
    ("LABEL =b", ON_LINE_2 + "LABEL names can not be blank", 7),
    (
        "LABEL a=b c d=e",
        'Syntax error - can\'t find = in "c". Must be of the form: name=value',
        7,
    ),
    # RUN.
    ("RUN [1]", STRINGS_ONLY, 5),
    ('RUN ["a", 1]', STRINGS_ONLY, 5),
    ("RUN [[]]", STRINGS_ONLY, 5),
    ("RUN [null]", STRINGS_ONLY, 5),
    ("RUN --mout=x a", ON_LINE_2 + "unknown flag: --mout (did you mean mount?)", 5),
    ("RUN --mount a", ON_LINE_2 + "missing a value on flag: --mount", 5),
    ("RUN --network a", ON_LINE_2 + "missing a value on flag: --network", 5),
    ("RUN --network=bridge a", ON_LINE_2 + 'invalid network mode "bridge"', 15),
    ("RUN --network= a", ON_LINE_2 + 'invalid network mode ""', 5),
    ("RUN --network=none --network=host a", ON_LINE_2 + "duplicate flag specified: --network", 5),
    ("RUN --security=none a", ON_LINE_2 + 'security "none" is not valid', 16),
    ("RUN --privileged a", ON_LINE_2 + "unknown flag: --privileged", 5),
    ("RUN --user=me a", ON_LINE_2 + "unknown flag: --user", 5),
    ("RUN --device=a,b x", ON_LINE_2 + "invalid field 'b' must be a key=value pair", 16),
    ("RUN --device=a,name=b x", ON_LINE_2 + "device name already set to a", 16),
    ("RUN --device=a,requierd=1 x", None, 16),
    ("RUN --device=a,required=2 x", ON_LINE_2 + "invalid value for required: 2", 25),
    (
        "RUN --mount=from=$x,target=/y a",
        ON_LINE_2 + "'from' doesn't support variable expansion, define alias stage instead",
        18,
    ),
    ('RUN --mount=type=bind,\\"a a', None, None),
    ("RUN --mount=type=bin,target=/x a", 'unsupported mount type "bin" (did you mean bind?)', 18),
    ("RUN --mount=type=volume,target=/x a", 'unsupported mount type "volume"', 18),
    ("RUN --mount=type=bind,tagret=/x a", None, 23),
    ("RUN --mount=type=bind,nothing a", "invalid field 'nothing' must be a key=value pair", 23),
    ("RUN --mount=type=bind,ro=maybe a", "invalid value for ro: maybe", 26),
    ("RUN --mount=type=bind,rw=maybe a", "invalid value for rw: maybe", 26),
    (
        "RUN --mount=type=bind,target=/x,required a",
        "unexpected key 'required' for mount type 'bind'",
        33,
    ),
    (
        "RUN --mount=type=cache,target=/x,required=true a",
        "unexpected key 'required' for mount type 'cache'",
        34,
    ),
    ("RUN --mount=type=secret,id=a,required=2 a", "invalid value for required: 2", 39),
    (
        "RUN --mount=type=cache,target=/x,size=1m a",
        "unexpected key 'size' for mount type 'cache'",
        34,
    ),
    ("RUN --mount=type=tmpfs,target=/x,size=big a", "invalid value for size: big", 39),
    (
        "RUN --mount=type=cache,target=/x,sharing=lock a",
        'unsupported sharing value "lock" (did you mean locked?)',
        42,
    ),
    (
        "RUN --mount=type=bind,target=/x,sharing=locked a",
        "invalid cache sharing set for bind mount",
        33,
    ),
    ("RUN --mount=type=cache,target=/x,mode=888 a", "invalid value 888 for mode", 39),
    ("RUN --mount=type=cache,target=/x,uid=me a", "invalid value me for uid", 38),
    ("RUN --mount=type=cache,target=/x,gid=-1 a", "invalid value -1 for gid", 38),
    ("RUN --mount=type=cache,target=/x,uid=4294967296 a", None, 38),
    ("RUN --mount=type=bind,target=/x,mode=1 a", 'mode not allowed for "bind" type mounts', 33),
    ("RUN --mount=type=tmpfs,target=/x,uid=1 a", 'uid not allowed for "tmpfs" type mounts', 34),
    ("RUN --mount=type=tmpfs,target=/x,gid=1 a", 'gid not allowed for "tmpfs" type mounts', 34),
    (
        "RUN --mount=type=secret a",
        "invalid secret mount. one of source, target required",
        13,
    ),
    ("RUN --mount=type=secret,id=a,source=b a", "both source and id can't be set", 25),
    ("RUN --mount=type=secret,id=a,from=b a", "secret mount should not have a from", 30),
    (
        "RUN --mount=type=secret,id=a,sharing=locked a",
        "secret mount should not define sharing",
        30,
    ),
    ("RUN --mount=type=bind,target=/ a", 'invalid mount target "/"', None),
    ("RUN --mount=type=tmpfs a", 'invalid mount target "/"', None),
    ("RUN --mount=type=bind,from=A/B,target=/x a", None, None),
    # COPY and ADD.
    ("COPY", ON_LINE_2 + "COPY " + TWO_ARGUMENTS, 5),
    ("COPY a", ON_LINE_2 + "COPY " + TWO_ARGUMENTS, 6),
    ("COPY []", ON_LINE_2 + "COPY " + TWO_ARGUMENTS, 6),
    ('COPY ["a"]', ON_LINE_2 + "COPY " + TWO_ARGUMENTS, 6),
    ('COPY ["a", 1]', STRINGS_ONLY, 6),
    ("ADD", ON_LINE_2 + "ADD " + TWO_ARGUMENTS, 4),
    ("ADD a", ON_LINE_2 + "ADD " + TWO_ARGUMENTS, 5),
    ('ADD ["a", null]', STRINGS_ONLY, 5),
    ("COPY --form=a b c", ON_LINE_2 + "unknown flag: --form (did you mean from?)", 6),
    ("COPY --chwon=a b c", ON_LINE_2 + "unknown flag: --chwon (did you mean chown?)", 6),
    ("COPY --From=a b c", ON_LINE_2 + "unknown flag: --From (did you mean from?)", 6),
    ("COPY --checksum=a b c", ON_LINE_2 + "unknown flag: --checksum", 6),
    ("COPY --from b c", ON_LINE_2 + "missing a value on flag: --from", 6),
    (
        "COPY --link=maybe b c",
        ON_LINE_2 + "expecting boolean value for flag --link, not: maybe",
        13,
    ),
    ("COPY --link= b c", ON_LINE_2 + "missing a value on flag: --link", 6),
    ("COPY --link --link b c", ON_LINE_2 + "duplicate flag specified: --link", 6),
    ("COPY --parents=no b c", None, 16),
    ("COPY --exclude b c", ON_LINE_2 + "missing a value on flag: --exclude", 6),
    ("COPY --from=5 a b", "invalid stage index 5", 13),
    ("COPY --from=-1 a b", "invalid stage index -1", 13),
    ("COPY --from=99999999999 a b", "invalid stage index 99999999999", 13),
    (
        "COPY --from=$x a b",
        "variable expansion is not supported for --from, define a new stage with FROM using ARG "
        "from global scope as a workaround",
        13,
    ),
    (
        "COPY --from=Bad/Name a b",
        'failed to parse stage name "Bad/Name": invalid reference format',
        13,
    ),
    ("COPY --chmod=999 a b", f"invalid chmod parameter: '999'. {BAD_MODE}", None),
    ("COPY --chmod=77777 a b", f"invalid chmod parameter: '77777'. {BAD_MODE}", None),
    ("COPY --chmod=u~x a b", f"invalid chmod parameter: 'u~x'. {BAD_MODE}", None),
    ("COPY http://example.com/a /b", "source can't be a URL for COPY", 6),
    ("COPY https://example.com/a.git /b", "source can't be a git ref for COPY", 6),
    ("COPY git@example.com:a/b.git /b", "source can't be a git ref for COPY", 6),
    ("ADD --checksum=sha256:ab a /b", "checksum requires HTTP(S) or Git sources", 5),
    (
        "ADD --checksum=x http://example.com/a http://example.com/b /c",
        "checksum can't be specified for multiple sources",
        5,
    ),
    ("ADD --checksum=x http://example.com/a /c", None, 5),
    ("ADD --from=x a b", ON_LINE_2 + "unknown flag: --from", 5),
    ("ADD --keep-git-dir=2 a b", None, 20),
    ("ADD --unpack=x a b", ON_LINE_2 + "expecting boolean value for flag --unpack, not: x", 14),
    # Commands.
    ("CMD [1]", STRINGS_ONLY, 5),
    ("CMD --x y", ON_LINE_2 + "unknown flag: --x", 5),
    ("ENTRYPOINT [true]", STRINGS_ONLY, 12),
    ("ENTRYPOINT --x y", ON_LINE_2 + "unknown flag: --x", 12),
    ("SHELL", ON_LINE_2 + "SHELL requires at least one argument", 6),
    ("SHELL []", ON_LINE_2 + "SHELL requires at least one argument", 7),
    (
        "SHELL bash -c",
        ON_LINE_2 + "SHELL requires the arguments to be in JSON form, not: SHELL bash -c",
        7,
    ),
    ("SHELL [1]", STRINGS_ONLY, 7),
    # The rest.
    ("EXPOSE", ON_LINE_2 + "EXPOSE requires at least one argument", 7),
    ("EXPOSE http", "invalid containerPort: http", 8),
    ("EXPOSE 80/http", 'invalid port: "80/http": invalid proto: http', 8),
    ("EXPOSE /tcp", 'invalid port: "/tcp": no port specified', 8),
    ("EXPOSE 70000", "invalid containerPort: 70000", 8),
    ("EXPOSE -1", "invalid containerPort: -1", 8),
    ("EXPOSE 90-80", "invalid containerPort: 90-80", 8),
    ("EXPOSE 80-", "invalid containerPort: 80-", 8),
    ("EXPOSE x:80", "invalid hostPort: x", 8),
    ("EXPOSE 300.1.1.1:80:80", "invalid IP address: 300.1.1.1", 8),
    (
        "EXPOSE 1-3:80-81",
        "invalid ranges specified for container and host Ports: 80-81 and 1-3",
        8,
    ),
    ("USER", ON_LINE_2 + "USER requires exactly one argument", 5),
    ("WORKDIR", ON_LINE_2 + "WORKDIR requires exactly one argument", 8),
    ("WORKDIR ${x?}", 'failed to process "${x?}": x: is not allowed to be unset', 9),
    ("VOLUME", ON_LINE_2 + "VOLUME requires at least one argument", 7),
    ('VOLUME [""]', ON_LINE_2 + "VOLUME specified can not be an empty string", 8),
    ('VOLUME [" "]', ON_LINE_2 + "VOLUME specified can not be an empty string", 8),
    ("VOLUME []", ON_LINE_2 + "VOLUME requires at least one argument", 8),
    ("VOLUME $nothing", "VOLUME specified can not be an empty string", 8),
    ("VOLUME [1]", STRINGS_ONLY, 8),
    ("STOPSIGNAL", ON_LINE_2 + "STOPSIGNAL requires exactly one argument", 11),
    ("STOPSIGNAL SIGNOTHING", "invalid signal: SIGNOTHING", 12),
    ("STOPSIGNAL 0", "invalid signal: 0", 12),
    ("STOPSIGNAL 99", "invalid signal: 99", 12),
    ("MAINTAINER", ON_LINE_2 + "MAINTAINER requires exactly one argument", 11),
    ("HEALTHCHECK", ON_LINE_2 + "HEALTHCHECK requires at least one argument", 12),
    ("HEALTHCHECK NONE x", ON_LINE_2 + "HEALTHCHECK NONE takes no arguments", 18),
    ("HEALTHCHECK CMD", ON_LINE_2 + "Missing command after HEALTHCHECK CMD", 13),
    ("HEALTHCHECK CMD []", ON_LINE_2 + "Missing command after HEALTHCHECK CMD", 13),
    ("HEALTHCHECK CMD [1]", None, 13),
    ("HEALTHCHECK curl x", ON_LINE_2 + 'Unknown type "CURL" in HEALTHCHECK (try CMD)', 13),
    (
        "HEALTHCHECK --intervall=1s CMD x",
        ON_LINE_2 + "unknown flag: --intervall (did you mean interval?)",
        13,
    ),
    ("HEALTHCHECK --interval=1 CMD x", None, 24),
    ("HEALTHCHECK --timeout=x CMD x", ON_LINE_2 + 'time: invalid duration "x"', 23),
    (
        "HEALTHCHECK --start-period=1us CMD x",
        ON_LINE_2 + 'Interval "start-period" cannot be less than 1ms',
        28,
    ),
    (
        "HEALTHCHECK --start-interval=-1s CMD x",
        ON_LINE_2 + 'Interval "start-interval" cannot be less than 1ms',
        30,
    ),
    ("HEALTHCHECK --retries=-1 CMD x", ON_LINE_2 + "--retries cannot be negative (-1)", 23),
    (
        "HEALTHCHECK --retries=x CMD x",
        ON_LINE_2 + 'strconv.ParseInt: parsing "x": invalid syntax',
        23,
    ),
    (
        "HEALTHCHECK --retries=2147483648 CMD x",
        ON_LINE_2 + 'strconv.ParseInt: parsing "2147483648": value out of range',
        23,
    ),
    ("HEALTHCHECK --retries CMD x", ON_LINE_2 + "missing a value on flag: --retries", 13),
    ("ONBUILD", ON_LINE_2 + "ONBUILD requires at least one argument", 8),
    (
        "ONBUILD ONBUILD RUN x",
        ON_LINE_2 + "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed",
        9,
    ),
    ("ONBUILD FROM x", ON_LINE_2 + "FROM isn't allowed as an ONBUILD trigger", 9),
    ("ONBUILD MAINTAINER x", ON_LINE_2 + "MAINTAINER isn't allowed as an ONBUILD trigger", 9),
    ("ONBUILD RNU x", ON_LINE_2 + "unknown instruction: RNU (did you mean RUN?)", 9),
    ("ONBUILD COPY x", ON_LINE_2 + "COPY " + TWO_ARGUMENTS, 9),
    ("ONBUILD RUN --mout=x y", ON_LINE_2 + "unknown flag: --mout (did you mean mount?)", 13),
    # Heredocs.
    ("RUN <<EOF\nx", "unterminated heredoc", 1),
    ("COPY <<A <<B /x\na\nA\nb", "unterminated heredoc", 1),
    ("RUN <<-EOF\n x\n EOF", "unterminated heredoc", 1),
    ("COPY a <<EOF\nEOF", ON_LINE_2 + "COPY cannot accept a heredoc as a destination", 8),
    ("ADD a <<EOF\nEOF", ON_LINE_2 + "ADD cannot accept a heredoc as a destination", 7),
    ("COPY <<EOF\nEOF", ON_LINE_2 + "COPY " + TWO_ARGUMENTS, 6),
]


@pytest.mark.parametrize(("line", "message", "column"), INSTRUCTIONS)
def test_of_an_instruction(line: str, message: str | None, column: int | None) -> None:
    error = fault(f"FROM scratch\n{line}\n")
    assert error.line == 2
    if message is not None:
        assert str(error) == message
    if column is not None:
        assert error.column == column
    assert error.excerpt.startswith(f"Dockerfile:2:{error.column}\n")


def test_there_are_many() -> None:
    assert len({line for line, _, _ in INSTRUCTIONS}) == len(INSTRUCTIONS) >= 150


# Whole files: the text, the message, the line.
FILES = [
    ("", "the Dockerfile cannot be empty", 0),
    ("\n\n", "file with no instructions", 2),
    ("# only a comment\n", "file with no instructions", 1),
    ("ARG a=1\n", "dockerfile contains no stages to build", 1),
    ("RUN x\nFROM a\n", "no build stage in current context", 1),
    ("ARG a\nENV b=c\nFROM a\n", "no build stage in current context", 2),
    ("# escape=x\nFROM a\n", "invalid escape token 'x' does not match ` or \\", 1),
    (
        "# escape=`\n# escape=`\nFROM a\n",
        "only one escape parser directive can be used",
        2,
    ),
    (
        "# check=skip=all\n# CHECK=skip=all\nFROM a\n",
        "only one check parser directive can be used",
        2,
    ),
    (
        "# check=nothing\nFROM scratch\n",
        'failed to parse check options: invalid check option "nothing"',
        0,
    ),
    (
        "# check=slip=all\nFROM scratch\n",
        'failed to parse check options: invalid check option "slip"',
        0,
    ),
    (
        "# check=error=perhaps\nFROM scratch\n",
        'failed to parse check options: failed to parse check option "error=perhaps": '
        'strconv.ParseBool: parsing "perhaps": invalid syntax',
        0,
    ),
    (
        "# check=error=true\nFROM scratch AS Big\n",
        "lint violation found for rules: StageNameCasing",
        2,
    ),
    (
        "FROM scratch AS a\nCOPY --from=a / /\n",
        "circular dependency detected on stage: a",
        2,
    ),
    (
        "FROM scratch AS a\nCOPY --from=b / /\nFROM scratch AS b\nCOPY --from=a / /\n",
        "circular dependency detected on stage: a",
        2,
    ),
    (
        "FROM scratch AS a\nCOPY --from=b / /\nFROM a AS b\n",
        "circular dependency detected on stage: a",
        2,
    ),
    (
        "FROM scratch\nRUN --mount=from=b,target=/x y\nFROM scratch AS b\n",
        'cannot mount from stage "b", it needs to be defined before current stage "stage-0"',
        2,
    ),
    (
        "FROM scratch\nCOPY --from=b / /\nFROM scratch AS b\n",
        'cannot copy from stage "b", it needs to be defined before current stage "stage-0"',
        2,
    ),
    ("FROM scratch\n" + "#" * 70_000, "dockerfile line greater than max allowed size of 65535", 2),
    ("FROM scratch\nRUN a \\\n\n  b \\\n  && --x\nRNU\n", None, 6),
    ("\x00\x01\x02\udcff", None, 1),
    ("FROM scratch\n\x00", None, 2),
]


@pytest.mark.parametrize(("text", "message", "line"), FILES)
def test_of_a_file(text: str, message: str | None, line: int) -> None:
    error = fault(text)
    assert error.line == line
    if message is not None:
        assert str(error) == message


def test_targets() -> None:
    text = "FROM scratch AS builder\nFROM scratch AS final\n"
    error = fault(text, target="bilder")
    assert str(error) == 'target stage "bilder" could not be found (did you mean builder?)'
    assert str(fault(text, target="7")) == 'target stage "7" could not be found'


def test_the_line_is_shown() -> None:
    error = fault("FROM scratch\n\n\tRUN echo && \\\n\tx\n  COPY --form=a \\\n    b c\n")
    assert error.full_text == (
        "dockerfile parse error on line 5: unknown flag: --form (did you mean from?)\n"
        "Dockerfile:5:8\n"
        "    COPY --form=a \\\n"
        "         ^"
    )
    assert (error.suggestion, error.filename) == ("from", "Dockerfile")


def test_the_fault_is_on_a_continued_line() -> None:
    error = fault("FROM scratch\nRUN --network=none \\\n  --secruity=x y\n")
    assert (error.line, error.column) == (3, 3)
    assert error.excerpt == "Dockerfile:3:3\n    --secruity=x y\n    ^"
    assert error.place.end_line == 3


def test_a_long_line_is_cut_around_the_fault() -> None:
    error = fault(f"FROM scratch\nRUN {'--mount=target=/x ' * 500}--mount=type=y z\n")
    _, line, mark = error.excerpt.split("\n")
    assert len(line) < 170
    assert line[mark.index("^")] == "y"
