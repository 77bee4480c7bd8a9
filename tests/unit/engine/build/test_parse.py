"""From text to typed instructions."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from boxship.engine.build.frontend import instruction as kinds
from boxship.engine.build.frontend.dockerfile import foreign_syntax, parse
from boxship.engine.build.frontend.errors import DockerfileError
from boxship.engine.build.frontend.evaluate import evaluate
from boxship.engine.build.frontend.flags import FlagError
from boxship.engine.build.frontend.instruction import Command, Device, Document
from boxship.engine.build.frontend.mount import Mount, parse_mount
from boxship.engine.build.frontend.source import decode, directive
from boxship.engine.build.frontend.words import Heredoc, Pair, parse_heredoc, parse_json
from boxship.engine.build.graph import build_graph
from tests.unit.engine.build.dockerfiles import only, options


def shell(text: str) -> Command:
    return Command((text,), shell=True)


def heredoc(name: str, content: str, **values: Any) -> Heredoc:
    return Heredoc(name, content=content, **values)


# A line, and fields of the instruction that it is.
INSTRUCTIONS: list[tuple[str, dict[str, Any]]] = [
    ("RUN a b", {"command": shell("a b"), "network": "default", "security": "sandbox"}),
    ("run  a   b ", {"command": shell("a   b"), "keyword": "run"}),
    ("RUN", {"command": Command((), shell=True)}),
    ('RUN ["a", "b c"]', {"command": Command(("a", "b c"))}),
    ('RUN [ "a" , "\\u0062\\n" ] ', {"command": Command(("a", "b\n"))}),
    ("RUN []", {"command": Command(())}),
    ("RUN ['a']", {"command": shell("['a']")}),
    ('RUN ["a"', {"command": shell('["a"')}),
    ('RUN ["a"] b', {"command": shell('["a"] b')}),
    ('RUN ["a",]', {"command": shell('["a",]')}),
    ("RUN [NaN]", {"command": shell("[NaN]")}),
    ('RUN ["a" "b"]', {"command": shell('["a" "b"]')}),
    ("RUN [ -f x ]", {"command": shell("[ -f x ]")}),
    ("RUN " + "[" * 5000, {"command": shell("[" * 5000)}),
    ('RUN ["\\ud800"]', {"command": Command(("\ufffd",))}),
    ("RUN a \\\n  b", {"command": shell("a   b")}),
    ("RUN a \\  \n  b", {"command": shell("a   b")}),
    ("RUN a\\\nb", {"command": shell("ab")}),
    ("RUN a \\\n# note\n  # note\n b", {"command": shell("a  b")}),
    ("RUN a \\\n\n b", {"command": shell("a  b")}),
    ("RUN a \\", {"command": shell("a")}),
    ("RUN a \\\\", {"command": shell("a \\\\")}),
    ("RUN a # b", {"command": shell("a # b")}),
    ("\\\nRUN a", {"command": shell("a")}),
    ("RUN\ta", {"command": shell("a")}),
    ("RUN a\r", {"command": shell("a")}),
    ("RUN a \\\r\n b\r", {"command": shell("a  b")}),
    ("RUN --network=none a", {"command": shell("a"), "network": "none"}),
    ("RUN --network=host --security=insecure a", {"network": "host", "security": "insecure"}),
    ("RUN --network='none' a", {"network": "none"}),
    ("RUN --net\\work=none a", {"network": "none"}),
    ("RUN -- --x", {"command": shell("--x")}),
    ("RUN --network=none -- --x", {"command": shell("--x"), "network": "none"}),
    ("RUN -x", {"command": shell("-x")}),
    ("RUN --device=a.com/b=c x", {"devices": (Device("a.com/b=c"),)}),
    ("RUN --device=a,required x", {"devices": (Device("a", True),)}),
    ("RUN --device=name=a,required=false x", {"devices": (Device("a", False),)}),
    ("RUN --device=required x", {"devices": (Device("", True),)}),
    (
        "RUN --mount=type=cache,target=/a --mount=from=b,target=/c x",
        {"mounts": ("type=cache,target=/a", "from=b,target=/c"), "mount_sources": ("", "b")},
    ),
    # Heredocs.
    (
        "RUN <<EOF\na\nb\nEOF",
        {"command": Command(("<<EOF",), True, (heredoc("EOF", "a\nb\n"),))},
    ),
    (
        "RUN <<'EOF' cat\n$a\nEOF",
        {"command": Command(("<<'EOF' cat",), True, (heredoc("EOF", "$a\n", expand=False),))},
    ),
    (
        'RUN <<"A" <<B\na\nA\nb\nB',
        {
            "command": Command(
                ('<<"A" <<B',), True, (heredoc("A", "a\n", expand=False), heredoc("B", "b\n"))
            )
        },
    ),
    (
        "RUN <<-EOF\n\ta\n\tEOF",
        {"command": Command(("<<-EOF",), True, (heredoc("EOF", "\ta\n", chomp=True),))},
    ),
    (
        "RUN cat 3<<EOF\n# no comment\n\nx \\\nEOF",
        {
            "command": Command(
                ("cat 3<<EOF",), True, (heredoc("EOF", "# no comment\n\nx \\\n", fd=3),)
            )
        },
    ),
    ("RUN cat <<<EOF", {"command": shell("cat <<<EOF")}),
    ('RUN ["a", "<<EOF"]', {"command": Command(("a", "<<EOF"))}),
    ("RUN echo '<<EOF'", {"command": shell("echo '<<EOF'")}),
    ("CMD cat <<EOF", {"command": shell("cat <<EOF")}),
    (
        "RUN a \\\n  <<EOF\nb\nEOF",
        {"command": Command(("a   <<EOF",), True, (heredoc("EOF", "b\n"),))},
    ),
    ("RUN <<EOF\r\na\r\nEOF\r", {"command": Command(("<<EOF",), True, (heredoc("EOF", "a\r\n"),))}),
    # COPY and ADD.
    ("COPY a b", {"sources": ("a",), "target": "b", "from_": "", "link": False}),
    ("COPY a b c/", {"sources": ("a", "b"), "target": "c/"}),
    ('COPY ["a b", "c"]', {"sources": ("a b",), "target": "c"}),
    ("COPY --from=x --chown=1:2 --chmod=644 a b", {"from_": "x", "chown": "1:2", "chmod": "644"}),
    ("COPY --link --parents a b", {"link": True, "parents": True}),
    ("COPY --link=false a b", {"link": False}),
    ("COPY --link=TRUE a b", {"link": True}),
    ("COPY --exclude=*.a --exclude=b a c", {"excludes": ("*.a", "b")}),
    ("COPY --exclude= a c", {"excludes": ("",)}),
    (
        "COPY <<a <<'b' /x/\n1\na\n2\nb",
        {
            "sources": (),
            "documents": (Document("a", "1\n", True), Document("b", "2\n", False)),
            "target": "/x/",
        },
    ),
    (
        "COPY x <<-a /y\n\t\t1\n  2\na",
        {"sources": ("x",), "documents": (Document("a", "1\n  2\n", True),)},
    ),
    ("ADD a b", {"checksum": "", "keep_git_dir": None, "unpack": None}),
    ("ADD --unpack=false --keep-git-dir a b", {"unpack": False, "keep_git_dir": True}),
    ("ADD --checksum=sha256:1 a b", {"checksum": "sha256:1"}),
    # Pairs.
    ("ENV a=b", {"pairs": (Pair("a", "b"),)}),
    ("ENV a=b c=d", {"pairs": (Pair("a", "b"), Pair("c", "d"))}),
    ("ENV a b c", {"pairs": (Pair("a", "b c", legacy=True),)}),
    ("ENV a b=c", {"pairs": (Pair("a", "b=c", legacy=True),)}),
    ("ENV a='b c' d=\"e f\"", {"pairs": (Pair("a", "'b c'"), Pair("d", '"e f"'))}),
    ("ENV a=b\\ c", {"pairs": (Pair("a", "b\\ c"),)}),
    ("ENV a= b=", {"pairs": (Pair("a", ""), Pair("b", ""))}),
    ("ENV a=b=c", {"pairs": (Pair("a", "b=c"),)}),
    ("ENV a='b", {"pairs": (Pair("a", "'b"),)}),
    ("ENV a=b \\\n  c=d", {"pairs": (Pair("a", "b"), Pair("c", "d"))}),
    ("ENV 'a b'=c", {"pairs": (Pair("'a b'", "c"),)}),
    ('LABEL a.b=c "d e"=f', {"pairs": (Pair("a.b", "c"), Pair('"d e"', "f"))}),
    ("LABEL a b", {"pairs": (Pair("a", "b", legacy=True),)}),
    # The rest.
    ('CMD ["a"]', {"command": Command(("a",))}),
    ("CMD a", {"command": shell("a")}),
    ("CMD", {"command": Command((), shell=True)}),
    ("CMD []", {"command": Command(())}),
    ('ENTRYPOINT ["a", "b"]', {"command": Command(("a", "b"))}),
    ("ENTRYPOINT a b", {"command": shell("a b")}),
    ('SHELL ["/bin/bash", "-c"]', {"words": ("/bin/bash", "-c")}),
    ("EXPOSE 80 443/tcp 1000-2000/udp", {"ports": ("1000-2000/udp", "443/tcp", "80")}),
    ("USER a:b", {"user": "a:b"}),
    ("USER a b", {"user": "a b"}),
    ("WORKDIR /a b", {"path": "/a b"}),
    ("VOLUME /a /b", {"paths": ("/a", "/b")}),
    ('VOLUME ["/a b", " /c "]', {"paths": ("/a b", "/c")}),
    ("STOPSIGNAL SIGQUIT", {"signal": "SIGQUIT"}),
    ("STOPSIGNAL 9", {"signal": "9"}),
    ("MAINTAINER A <a@example.com>", {"name": "A <a@example.com>"}),
    ("HEALTHCHECK NONE", {"test": ("NONE",)}),
    ("HEALTHCHECK none", {"test": ("NONE",)}),
    ("HEALTHCHECK CMD a b", {"test": ("CMD-SHELL", "a b"), "interval": 0, "retries": 0}),
    ('HEALTHCHECK CMD ["a", "b"]', {"test": ("CMD", "a", "b")}),
    ("HEALTHCHECK cmd a", {"test": ("CMD-SHELL", "a")}),
    (
        "HEALTHCHECK --interval=1s --timeout=2m --start-period=3ms --start-interval=4h "
        "--retries=5 CMD a",
        {
            "interval": 10**9,
            "timeout": 120 * 10**9,
            "start_period": 3 * 10**6,
            "start_interval": 4 * 3600 * 10**9,
            "retries": 5,
        },
    ),
    ("HEALTHCHECK --interval=0s --retries=+3 CMD a", {"interval": 0, "retries": 3}),
    ("ONBUILD RUN a", {"expression": "RUN a"}),
    ("onbuild  COPY a \\\n b", {"expression": "COPY a  b"}),
    ("ONBUILD RUN <<EOF\na\nEOF", {"expression": "RUN <<EOF\na\nEOF"}),
]


@pytest.mark.parametrize(("line", "fields"), INSTRUCTIONS)
def test_instructions(line: str, fields: dict[str, Any]) -> None:
    found = only(line)
    assert {name: getattr(found, name) for name in fields} == fields


FROMS = [
    ("FROM a", ("a", "", "")),
    ("FROM a:1 AS B", ("a:1", "b", "")),
    ("FROM --platform=$BUILDPLATFORM a as b-c.d_e", ("a", "b-c.d_e", "$BUILDPLATFORM")),
    ("from a aS b", ("a", "b", "")),
    ("FROM a@sha256:" + "0" * 64, ("a@sha256:" + "0" * 64, "", "")),
]


@pytest.mark.parametrize(("line", "expected"), FROMS)
def test_from(line: str, expected: tuple[str, str, str]) -> None:
    start = parse(line).stages[0].start
    assert (start.base, start.stage_name, start.platform) == expected


ARGS = [
    ("ARG a", [("a", None)]),
    ("ARG a=", [("a", "")]),
    ("ARG a=b c d='e f'", [("a", "b"), ("c", None), ("d", "'e f'")]),
    ("ARG a=b=c", [("a", "b=c")]),
    ('ARG a="b c" \\\n  d', [("a", '"b c"'), ("d", None)]),
]


@pytest.mark.parametrize(("line", "expected"), ARGS)
def test_arg(line: str, expected: list[tuple[str, str | None]]) -> None:
    found = only(line)
    assert isinstance(found, kinds.Arg)
    assert [(one.name, one.default) for one in found.definitions] == expected


MOUNTS = [
    ("target=/a", Mount(target="/a")),
    ("type=bind,source=a,dst=/b,from=c", Mount(source="a", target="/b", from_="c")),
    ("type=bind,src=a,destination=/b,rw", Mount(source="a", target="/b", read_only=False)),
    ("type=bind,target=/a,readwrite=false", Mount(target="/a")),
    ("TYPE=Bind,TARGET=/a,RO", Mount(target="/a")),
    ("type=cache,target=/a", Mount("cache", target="/a", read_only=False)),
    ("type=cache,target=/a,ro", Mount("cache", target="/a")),
    (
        "type=cache,target=/a,id=b,sharing=locked,mode=0700,uid=1,gid=2",
        Mount(
            "cache",
            target="/a",
            id="b",
            sharing="locked",
            mode=0o700,
            uid=1,
            gid=2,
            read_only=False,
        ),
    ),
    ("type=tmpfs,target=/a,size=10m", Mount("tmpfs", target="/a", size=10 << 20, read_only=False)),
    ("type=secret,id=a", Mount("secret", id="a")),
    ("type=secret,id=a,required", Mount("secret", id="a", required=True)),
    ("type=secret,id=a,env=B,mode=0444", Mount("secret", id="a", env="B", mode=0o444)),
    ("type=secret,target=/run/a,required=true", Mount("secret", target="/run/a", required=True)),
    ("type=ssh", Mount("ssh")),
    ("type=ssh,id=a,required=1,uid=5", Mount("ssh", id="a", required=True, uid=5)),
    ('type=cache,"target=/a,b"', Mount("cache", target="/a,b", read_only=False)),
    ("type=$t,target=/$t", Mount("cache", target="/cache", read_only=False)),
]


@pytest.mark.parametrize(("text", "expected"), MOUNTS)
def test_mounts(text: str, expected: Mount) -> None:
    assert parse_mount(text, lambda word: word.replace("$t", "cache")) == expected


def test_a_mount_that_is_no_csv() -> None:
    with pytest.raises(FlagError, match="failed to parse csv mounts"):
        parse_mount('type=bind,"target', str)


def test_directives() -> None:
    text = (
        "# Escape = `\n#check=skip=a;error=false\n#syntax=docker/dockerfile:1 x\n"
        "FROM a\nRUN b `\n c\\\n"
    )
    found = parse(text)
    assert (found.escape, found.check) == ("`", "skip=a;error=false")
    assert found.syntax == "docker/dockerfile:1"
    run = found.stages[0].instructions[0]
    assert isinstance(run, kinds.Run)
    assert run.command.words == ("b  c\\",)


@pytest.mark.parametrize(
    "text",
    ["#\n# escape=`\n", "# hi\n# escape=`\n", "\n# escape=`\n", "# other=1\n# escape=`\n"],
)
def test_the_directives_end(text: str) -> None:
    assert parse(text + "FROM a\n").escape == "\\"


def test_a_first_line_for_the_kernel() -> None:
    found = parse("#!/usr/bin/env build\n# check=skip=all\nFROM a\n")
    assert found.check == "skip=all"


def test_syntax_in_other_languages() -> None:
    for text in ("// syntax=a/b\n", '{"syntax": "a/b"}', "#!/x\n// syntax = a/b c\n"):
        found = directive("syntax", text, any_format=True)
        assert found is not None
        assert found.value.split()[0] == "a/b"
    assert directive("syntax", "// syntax=a/b\n") is None


FRONTENDS = [
    ("", False),
    ("dockerfile.v0", False),
    ("docker/dockerfile", False),
    ("docker/dockerfile:1.7-labs", False),
    ("docker.io/docker/dockerfile:1", False),
    ("docker/dockerfile-upstream:master", False),
    ("docker/dockerfile@sha256:0", False),
    ("example.com/docker/dockerfile:1", True),
    ("other/dockerfile", True),
    ("dockerfile", True),
]


@pytest.mark.parametrize(("syntax", "expected"), FRONTENDS)
def test_frontends(syntax: str, expected: bool) -> None:
    assert foreign_syntax(syntax) is expected


def test_a_mark_in_front_and_line_ends() -> None:
    found = parse("\ufeffFROM a\r\nRUN b\r\n")
    assert found.stages[0].start.base == "a"
    assert found.stages[0].instructions[0].text == "RUN b"


def test_bytes_that_are_not_utf8_survive() -> None:
    found = parse(decode(b"FROM a\nCOPY <<E /x\n\xff\xfe\nE\n"))
    copy = found.stages[0].instructions[0]
    assert isinstance(copy, kinds.Copy)
    assert copy.documents[0].data.encode("utf-8", "surrogateescape") == b"\xff\xfe\n"


def test_comments_describe() -> None:
    text = (
        "# base is for all\nFROM a AS base\n# V the version\n# W other\nARG V W=1\n"
        "# V gone\n\nARG V\n"
    )
    found = parse(text)
    assert found.stages[0].description == "is for all"
    first, second = found.stages[0].instructions
    assert isinstance(first, kinds.Arg)
    assert isinstance(second, kinds.Arg)
    assert [one.description for one in first.definitions] == ["the version", "other"]
    assert [one.description for one in second.definitions] == [""]


def test_targets() -> None:
    found = parse("FROM a AS x\nFROM b\nFROM c AS y\n")
    assert [found.target(name).index for name in ("", "x", "X", "1", "Y")] == [2, 0, 0, 1, 2]


@pytest.mark.parametrize(
    ("word", "name", "expand"),
    [
        ("<<a", "a", True),
        ("<<'a'", "a", False),
        ('<<"a b"', "a b", False),
        ("<<\\a", "a", True),
        ("<< a", "a", True),
        ("<<'a'b", "ab", False),
    ],
)
def test_heredoc_words(word: str, name: str, expand: bool) -> None:
    found = parse_heredoc(word)
    assert found is not None
    assert (found.name, found.expand) == (name, expand)


@pytest.mark.parametrize("word", ["<<", "<a", "<<<a", "a<<b", "<<a b", "<<-"])
def test_no_heredoc_words(word: str) -> None:
    assert parse_heredoc(word) is None


@given(st.lists(st.text(max_size=5), max_size=5))
def test_json_that_was_written_is_read(words: list[str]) -> None:
    clean = [word.encode("utf-8", "replace").decode() for word in words]
    assert parse_json(json.dumps(clean)) == tuple(clean)


LINES = st.sampled_from(
    [
        "FROM a", "FROM a AS b", "ARG x=$y", "ENV a=b c=${d:-e}", "RUN <<EOF", "EOF", "\\", "# c",
        "RUN a \\", "", "  ", "COPY --from=b a b", "COPY a <<E", "CMD [", 'CMD ["a"]', "ONBUILD",
        "ONBUILD RUN x", "# escape=`", "`", "EXPOSE 1-2", "\x00", "\ud83d", "HEALTHCHECK CMD x",
        "RUN --mount=type=cache,target=/x y", "WORKDIR $x", "\tSHELL [\"a\"]", "LABEL 'a", "USER",
    ]
)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(st.lists(st.one_of(LINES, st.text(max_size=20)), max_size=12))
def test_any_file_is_answered(lines: list[str]) -> None:
    try:
        build_graph(evaluate(parse("\n".join(lines)), options(all_stages=True)))
    except DockerfileError as error:
        assert_place(error, lines)


def assert_place(error: DockerfileError, lines: list[str]) -> None:
    count = len("\n".join(lines).split("\n"))
    assert 0 <= error.line <= count
    assert error.excerpt or not error.line
