"""Dockerfile instructions of ``commit -c`` and ``import -c``."""

import pytest

from boxship.engine.images.changes import apply_changes
from boxship.engine.images.expansion import expand, raw_words
from boxship.errors import InvalidParameterError
from boxship.oci.image import ExecutionConfig

ENV = ["HOME=/root", "EMPTY=", "N=80"]
VARIABLES = {"A": "one", "SPACED": "x y", "EMPTY": "", "1": "first"}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("plain", "plain"),
        ("$A", "one"),
        ("${A}s", "ones"),
        ("$A$A/$NONE.", "oneone/."),
        ("$1st", "firstst"),
        ("cost $", "cost $"),
        ("\\$A", "$A"),
        ("'$A'", "$A"),
        ('"$A \\" \\$ \\n"', 'one " $ \\n'),
        ('a"b c"d', "ab cd"),
        ("${NONE:-word}", "word"),
        ("${EMPTY:-word}", "word"),
        ("${EMPTY-word}", ""),
        ("${A:+other}", "other"),
        ("${EMPTY:+other}", ""),
        ("${EMPTY+other}", "other"),
        ("${NONE:-${A}}", "one"),
        ("${NONE:-'a}b'}", "a}b"),
        ("${A?}", "one"),
        ("end\\", "end"),
    ],
)
def test_expansion(text: str, wanted: str) -> None:
    assert expand(text, VARIABLES) == wanted


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("'open", "matching single-quote"),
        ('"open', "matching double-quote"),
        ("${A", "missing '}'|unsupported modifier"),
        ("${A:-x", "missing '}'"),
        ("${}", "bad substitution"),
        ("${A:=x}", "unsupported modifier"),
        ("${NONE?}", "NONE: is not allowed to be unset"),
        ("${EMPTY:?give one}", "EMPTY: give one"),
        ("${NONE:-" * 5000, "nested too deeply"),
    ],
)
def test_what_cannot_be_expanded(text: str, words: str) -> None:
    with pytest.raises(InvalidParameterError, match=words):
        expand(text, VARIABLES)


def test_words_keep_their_quotes() -> None:
    assert raw_words("""a  'b c' "d \\" e"f g\\ h '\\'""") == [
        "a",
        "'b c'",
        '"d \\" e"f',
        "g\\ h",
        "'\\'",
    ]


def test_variables_are_those_of_the_configuration() -> None:
    config = apply_changes(
        ExecutionConfig(env=list(ENV)),
        [
            "ENV P=$HOME/bin HOME=/h\nENV Q=$HOME",
            "LABEL home=$HOME '$x'=\"${P}\"",
            "EXPOSE $N",
            'VOLUME ["$HOME/v", "/w"]',
            "WORKDIR $HOME",
            "WORKDIR sub",
            "USER ${U:-nobody}",
            "STOPSIGNAL SIG${S:-INT}",
            "CMD echo $HOME",
        ],
    )
    assert config.env == ["HOME=/h", "EMPTY=", "N=80", "P=/root/bin", "Q=/h"]
    assert config.labels == {"home": "/h", "$x": "/root/bin"}
    assert list(config.exposed_ports) == ["80/tcp"]
    assert list(config.volumes) == ["/h/v", "/w"]
    assert config.working_dir == "/h/sub"
    assert (config.user, config.stop_signal) == ("nobody", "SIGINT")
    assert config.cmd == ["/bin/sh", "-c", "echo $HOME"]


def test_old_form_comments_and_continued_lines() -> None:
    config = apply_changes(ExecutionConfig(), ["# note\nENV A one  two\nLABEL x=1 \\\n  y=2"])
    assert config.env == ["A=one  two"]
    assert config.labels == {"x": "1", "y": "2"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("RUN x", "run is not a valid change command"),
        ('SHELL ["sh"]', "shell is not a valid change command"),
        ("ARG X=1", "arg is not a valid change command"),
        ("MAINTAINER me", "maintainer is not a valid change command"),
        ("ENV", "ENV requires at least one argument"),
        ("ENV A", "ENV must have two arguments"),
        ("ENV A=1 B", "can't find = in"),
        ("ENV =1", "ENV names can not be blank"),
        ("LABEL a='x", "matching single-quote"),
        ("EXPOSE 99999", "invalid containerPort: 99999"),
        ("EXPOSE 80/xyz", "invalid proto: xyz"),
        ("VOLUME $NONE", "VOLUME specified can not be an empty string"),
        ("ONBUILD ONBUILD RUN x", "Chaining ONBUILD"),
        ("ONBUILD FROM x", "FROM isn't allowed as an ONBUILD trigger"),
        ("HEALTHCHECK x", 'Unknown type "x" in HEALTHCHECK'),
        ("HEALTHCHECK --often=1 CMD x", "unknown flag: --often"),
    ],
)
def test_refusals(change: str, words: str) -> None:
    with pytest.raises(InvalidParameterError, match=words):
        apply_changes(ExecutionConfig(), [change])
