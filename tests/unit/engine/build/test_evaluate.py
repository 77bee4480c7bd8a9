"""Stages, arguments, triggers, and the image that comes out."""

import pytest

from boxship.engine.build.frontend import instruction as kinds
from boxship.engine.build.frontend.arguments import proxy_environment
from boxship.engine.build.frontend.dockerfile import parse
from boxship.engine.build.frontend.outline import outline, targets
from boxship.engine.build.frontend.state import Origin, destination
from tests.unit.engine.build.dockerfiles import ARM64, fault, image, last, request, run

PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def env(text: str, **args: str) -> list[str]:
    """The image's environment but for PATH."""
    return last(text, build_args=args).image.config.env[1:]


SCOPES = [
    # The Dockerfile, build arguments, the environment.
    ("FROM scratch\nENV a=1 b=$a\n", {}, ["a=1", "b="]),
    ("FROM scratch\nENV a=1\nENV a=2 b=$a\n", {}, ["a=2", "b=1"]),
    ("FROM scratch\nARG a=1\nENV b=$a\n", {}, ["b=1"]),
    ("FROM scratch\nARG a=1\nENV b=$a\n", {"a": "2"}, ["b=2"]),
    ("FROM scratch\nENV b=$a\nARG a=1\n", {"a": "2"}, ["b="]),
    ("FROM scratch\nENV b=$a\n", {"a": "2"}, ["b="]),
    ("ARG a=1\nFROM scratch\nENV b=$a\n", {}, ["b="]),
    ("ARG a=1\nFROM scratch\nARG a\nENV b=$a\n", {}, ["b=1"]),
    ("ARG a=1\nFROM scratch\nARG a=3\nENV b=$a\n", {}, ["b=3"]),
    ("ARG a=1\nFROM scratch\nARG a=3\nENV b=$a\n", {"a": "2"}, ["b=2"]),
    ("FROM scratch\nARG a=1\nENV a=2\nENV b=$a\n", {"a": "3"}, ["a=2", "b=2"]),
    ("FROM scratch\nARG a=1\nARG b=$a-x\nENV c=$b\n", {}, ["c=1-x"]),
    ("ARG a=1\nARG b=$a-x\nFROM scratch\nARG b\nENV c=$b\n", {"a": "7"}, ["c=7-x"]),
    ("FROM scratch AS x\nARG a=1\nFROM x\nENV b=$a\n", {}, ["b=1"]),
    ("FROM scratch AS x\nARG a=1\nFROM scratch\nENV b=$a\n", {}, ["b="]),
    ("FROM scratch AS x\nENV a=1\nFROM x\nENV b=$a\n", {}, ["a=1", "b=1"]),
    ("FROM scratch\nARG TARGETARCH\nENV a=$TARGETARCH\n", {}, ["a=amd64"]),
    ("FROM scratch\nENV a=$TARGETARCH\n", {}, ["a="]),
    ("FROM scratch\nARG TARGETARCH=x\nENV a=$TARGETARCH\n", {}, ["a=x"]),
    ("FROM scratch AS s\nARG TARGETSTAGE\nENV a=$TARGETSTAGE\n", {}, ["a=s"]),
    ("FROM scratch\nARG TARGETPLATFORM\nENV a=$TARGETPLATFORM\n", {}, ["a=linux/amd64"]),
    ("FROM scratch\nENV a=\"x y\" b='$c' c=\\$d\n", {}, ["a=x y", "b=$c", "c=$d"]),
    ("FROM scratch\nENV a=b\\ c\n", {}, ["a=b c"]),
    ("FROM scratch\nENV a x  y\n", {}, ["a=x  y"]),
    ("FROM scratch\nENV k=n\nENV x$k=1\n", {}, ["k=n", "xn=1"]),
]


@pytest.mark.parametrize(("text", "args", "expected"), SCOPES)
def test_scopes(text: str, args: dict[str, str], expected: list[str]) -> None:
    assert env(text, **args) == expected


def test_the_base_image_is_what_one_starts_with() -> None:
    base = image(
        env=["A=1", "PATH=/bin"], cmd=["c"], entrypoint=["e"], working_dir="/w", user="u",
        labels={"l": "1"}, exposed_ports={"1/tcp": {}}, shell=["sh", "-x"], volumes={"/v": {}},
    )  # fmt: skip
    config = last("FROM a\nENV B=$A\nCMD x\n", {request("a:latest"): base}).image.config
    assert config.env == ["A=1", "PATH=/bin", "B=1"]
    assert config.cmd == ["sh", "-x", "x"]
    assert (config.entrypoint, config.working_dir, config.user) == (["e"], "/w", "u")
    assert (config.labels, list(config.exposed_ports)) == ({"l": "1"}, ["1/tcp"])
    assert list(config.volumes) == ["/v"]


def test_entrypoint_forgets_the_command_of_the_base() -> None:
    images = {request("a:latest"): image(cmd=["c"])}
    assert last('FROM a\nENTRYPOINT ["e"]\n', images).image.config.cmd is None
    assert last('FROM a\nCMD ["d"]\nENTRYPOINT ["e"]\n', images).image.config.cmd == ["d"]
    assert last("FROM a\n", images).image.config.cmd == ["c"]


def test_configuration() -> None:
    config = last(
        "FROM scratch\nUSER me\nWORKDIR /a\nWORKDIR b/../c\nEXPOSE 80 90-91/udp\nVOLUME /v $h/x\n"
        'STOPSIGNAL SIGINT\nLABEL a=b "c d"=e\nSHELL ["bash", "-c"]\nCMD hi there\n'
        "HEALTHCHECK --interval=1s CMD x\nMAINTAINER me\nONBUILD RUN x\n"
    ).image
    assert config.author == "me"
    found = config.config
    assert (found.user, found.working_dir, found.stop_signal) == ("me", "/a/c", "SIGINT")
    assert list(found.exposed_ports) == ["80/tcp", "90/udp", "91/udp"]
    assert list(found.volumes) == ["/v", "/x"]
    assert (found.labels, found.cmd) == ({"a": "b", "c d": "e"}, ["bash", "-c", "hi there"])
    assert (found.shell, found.on_build) == (["bash", "-c"], ["RUN x"])
    assert found.healthcheck is not None
    assert (found.healthcheck.test, found.healthcheck.interval) == (["CMD-SHELL", "x"], 10**9)


HISTORY = [
    ("ARG a=1", "ARG a=1"),
    ("ENV a=1 b=2", "ENV a=1 b=2"),
    ("RUN echo hi", "RUN /bin/sh -c echo hi # buildkit"),
    ('RUN ["a", "b"]', "RUN a b # buildkit"),
    ("RUN <<E\nx\nE", "RUN /bin/sh -c x\n # buildkit"),
    ("RUN cat <<E\nx\nE", "RUN /bin/sh -c cat <<E\nx\nE # buildkit"),
    ("COPY --chown=1 --chmod=644 a b/", "COPY --chown=1 --chmod=644 a b/ # buildkit"),
    ("COPY <<E /x\nE", "COPY <<E /x # buildkit"),
    ("ADD a b", "ADD a b # buildkit"),
    ("WORKDIR /a/", "WORKDIR /a"),
    ('CMD ["a", "b c"]', 'CMD ["a" "b c"]'),
    ("CMD a", 'CMD ["/bin/sh" "-c" "a"]'),
    ("ENTRYPOINT []", "ENTRYPOINT []"),
    ("EXPOSE 90 80-81", "EXPOSE [80/tcp 81/tcp 90/tcp]"),
    ("VOLUME /a /b", "VOLUME [/a /b]"),
    ("USER a", "USER a"),
    ("STOPSIGNAL 9", "STOPSIGNAL 9"),
    ('SHELL ["a", "b"]', "SHELL [a b]"),
    ("LABEL a=b", "LABEL a=b"),
    (
        "HEALTHCHECK --interval=90s --retries=2 CMD x",
        "HEALTHCHECK {Test:[CMD-SHELL x] Interval:1m30s Timeout:0s StartPeriod:0s "
        "StartInterval:0s Retries:2}",
    ),
]


@pytest.mark.parametrize(("line", "expected"), HISTORY)
def test_history(line: str, expected: str) -> None:
    (step,) = last(f"FROM scratch\n{line}\n").steps
    assert step.created_by == expected


def test_a_run_says_which_arguments_it_had() -> None:
    steps = last("FROM scratch\nARG a=1\nARG b\nENV a=2\nRUN x\n", build_args={"b": "3"}).steps
    assert steps[-1].created_by == "RUN |2 a=2 b=3 /bin/sh -c x # buildkit"
    assert dict(steps[-1].environment)["b"] == "3"


def test_only_what_is_needed_is_evaluated() -> None:
    text = (
        "FROM scratch AS a\nFROM scratch AS b\nRUN --mount=from=a,target=/a x\n"
        "FROM unneeded AS c\nFROM scratch AS d\nCOPY --from=b / /\nFROM a\n"
    )
    assert set(run(text, target="d").stages) == {0, 1, 3}
    assert set(run(text).stages) == {0, 4}
    assert set(run(text, all_stages=True).stages) == {0, 1, 2, 3, 4}


def test_origins() -> None:
    text = (
        "FROM scratch AS a\nFROM scratch\nCOPY x y\nCOPY --from=A / /\nCOPY --from=0 / /\n"
        "COPY --from=img:1 / /\nCOPY --from=extra / /\n"
        "RUN --mount=target=/1 --mount=from=a,target=/2 --mount=from=other,target=/3 x\n"
    )
    steps = last(text, contexts=frozenset({"extra"})).steps
    assert [step.origins for step in steps] == [
        (Origin("context"),),
        (Origin("stage", "A", 0),),
        (Origin("stage", "0", 0),),
        (Origin("image", "img:1"),),
        (Origin("named", "extra"),),
        (Origin("context"), Origin("stage", "a", 0), Origin("image", "other")),
    ]


def test_a_named_context_replaces_stage_and_base() -> None:
    text = "FROM nothing AS deps\nRUN make\nFROM base\nCOPY --from=deps / /\n"
    evaluation = run(text, contexts=frozenset({"deps", "base"}))
    assert evaluation.stages[0].origin == Origin("named", "deps")
    assert evaluation.stages[0].steps == ()
    assert evaluation.stages[1].origin == Origin("named", "base")
    assert evaluation.missing == ()


def test_images_that_are_wanted() -> None:
    text = "ARG v=1\nFROM --platform=linux/arm64 a:$v AS x\nFROM b\nCOPY --from=x / /\n"
    evaluation = run(text)
    assert evaluation.missing == (request("a:1", ARM64), request("b:latest"))
    images = {one: image(one.platform) for one in evaluation.missing}
    again = run(text, images)
    assert again.missing == ()
    assert again.stages[0].platform == ARM64


def test_triggers_of_a_base_image() -> None:
    images = {request("a:latest"): image(on_build=["COPY --from=tools /t /t", "ENV x=1"])}
    text = "FROM scratch AS tools\nFROM a\nENV y=$x\nONBUILD RUN z\n"
    evaluation = run(text, images)
    assert set(evaluation.stages) == {0, 1}
    stage = evaluation.stages[1]
    assert [step.is_trigger for step in stage.steps] == [True, True, False, False]
    assert stage.steps[0].origins == (Origin("stage", "tools", 0),)
    assert stage.image.config.env == [PATH, "x=1", "y=1"]
    assert stage.image.config.on_build == ["RUN z"]


def test_triggers_run_once_and_only_in_the_child() -> None:
    text = "FROM scratch AS a\nONBUILD ENV x=1\nFROM a AS b\nFROM b\n"
    assert last(text, target="b").image.config.env == [PATH, "x=1"]
    final = run(text).stages[2]
    assert [step.is_trigger for step in final.steps] == []
    assert final.image.config.on_build == []


def test_a_bad_trigger_points_at_from() -> None:
    images = {request("a:latest"): image(on_build=["RNU x"])}
    with pytest.raises(
        Exception, match=r"unknown instruction: RNU \(did you mean RUN\?\)"
    ) as found:
        run("FROM scratch\nFROM a\n", images)
    assert getattr(found.value, "line", 0) == 2


def test_mounts_and_files_take_variables() -> None:
    text = (
        "FROM scratch\nARG n=x\nRUN --mount=type=cache,id=$n,target=/c/$n a\n"
        "COPY --chown=$n --chmod=7${n:+55} $n* <<E '<<F' /to/$n/\n$n '\"\nE\n"
    )
    steps = last(text).steps
    assert (steps[1].mounts[0].id, steps[1].mounts[0].target) == ("x", "/c/x")
    copy = steps[2].instruction
    assert isinstance(copy, kinds.Copy)
    assert (copy.chown, copy.chmod, copy.sources[0], copy.target) == ("x", "755", "x*", "/to/x/")
    assert copy.documents[0].data == "x '\"\n"


def test_what_a_step_finds() -> None:
    text = "FROM scratch\nWORKDIR /a\nUSER u\nENV b=1\nRUN x\nUSER v\n"
    step = last(text).steps[3]
    assert (step.workdir, step.user, dict(step.environment)["b"]) == ("/a", "u", "1")
    assert [one.layer for one in last(text).steps] == [True, False, False, True, False]
    assert not last("FROM scratch\nWORKDIR /\n").steps[0].layer


@pytest.mark.parametrize(
    ("workdir", "path", "expected"),
    [
        ("/w", "a", "/w/a"), ("/w", "a/", "/w/a/"), ("/w", ".", "/w/"), ("/w", "", "/w/"),
        ("/w", "./", "/w/"), ("/w", "../x", "/x"), ("/w", "../../x", "/x"), ("/w", "/x/.", "/x/"),
        ("", "a", "/a"), ("/w", "/", "/"), ("/", "//x", "/x"),
    ],
)  # fmt: skip
def test_destinations(workdir: str, path: str, expected: str) -> None:
    assert destination(workdir, path) == expected


def test_outline() -> None:
    text = (
        "# V is the version\nARG V=1\nARG BASE=a:$V UNUSED=x\n# all does it all\n"
        "FROM $BASE AS all\n# MODE says how\nARG MODE=fast\n"
        "RUN --mount=type=secret,id=key,required --mount=type=ssh x\n"
        "RUN --mount=type=secret,target=/run/other --mount=type=ssh,id=git y\n"
        "FROM scratch\nARG OTHER\n"
    )
    found = outline(run(text, target="all", build_args={"MODE": "slow"}))
    assert (found.name, found.description) == ("all", "does it all")
    assert [(one.name, one.value, one.description) for one in found.arguments] == [
        ("V", "1", "is the version"), ("BASE", "a:1", ""), ("MODE", "slow", "says how"),
    ]  # fmt: skip
    assert [(one.name, one.required) for one in found.secrets] == [("key", True), ("other", False)]
    assert [(one.name, one.required) for one in found.ssh] == [("default", False), ("git", False)]


def test_list_of_targets() -> None:
    found = targets(parse("# a is first\nFROM x:$v AS a\nFROM --platform=$p a\n"))
    assert [(one.name, one.description, one.default, one.base, one.platform) for one in found] == [
        ("a", "is first", False, "x:$v", ""),
        ("", "", True, "a", "$p"),
    ]


def test_proxies() -> None:
    found = proxy_environment({"HTTP_PROXY": "p", "no_proxy": "n", "x": "y"})
    assert found == {"http_proxy": "p", "HTTP_PROXY": "p", "no_proxy": "n", "NO_PROXY": "n"}


def test_errors_inside_of_a_stage_that_nobody_needs_do_not_matter() -> None:
    text = "FROM scratch AS a\nSTOPSIGNAL NONE\nFROM scratch\n"
    assert set(run(text).stages) == {1}
    assert fault(text).line == 2
