"""The graph of operations: what is in it, and what names it."""

from typing import Any

import pytest

from boxship.engine.build import operation as ops
from boxship.engine.build.graph import Graph, GraphOptions, build_graph
from tests.unit.engine.build.dockerfiles import AMD64, ARM64, run


def graph(text: str, options: GraphOptions | None = None, **values: Any) -> Graph:
    return build_graph(run(text, **values), options)


def names(found: Graph) -> list[str]:
    return [vertex.name for vertex in found.vertices.values()]


def of_type(found: Graph, kind: type) -> list[Any]:
    vertices = found.vertices.values()
    return [vertex.operation for vertex in vertices if isinstance(vertex.operation, kind)]


STAGES = (
    "FROM a AS one\nRUN 1\nFROM a AS two\nRUN 2\nFROM a AS unused\nRUN 3\nFROM scratch\n"
    "COPY --from=one /x /\nCOPY --from=two /y /\n"
)


def test_stages_that_nobody_needs_are_not_there() -> None:
    assert names(graph(STAGES)) == [
        "[one 1/2] FROM docker.io/library/a:latest",
        "[one 2/2] RUN 1",
        "[two 2/2] RUN 2",
        "",
        "[stage-3 1/2] COPY --from=one /x /",
        "[stage-3 2/2] COPY --from=two /y /",
    ]
    assert names(graph(STAGES, target="unused")) == [
        "[unused 1/2] FROM docker.io/library/a:latest",
        "[unused 2/2] RUN 3",
    ]


def test_inputs_come_first() -> None:
    found = graph(STAGES)
    seen: set[str] = set()
    for digest, vertex in found.vertices.items():
        assert digest == vertex.digest
        assert set(vertex.inputs) <= seen
        seen.add(digest)
    assert found.result == list(found.vertices)[-1]


def test_independent_stages_do_not_wait_for_each_other() -> None:
    found = graph(STAGES)
    one, two = (vertex for vertex in found.vertices.values() if "RUN" in vertex.name)
    assert one.inputs == two.inputs == (next(iter(found.vertices)),)


def test_equal_work_is_one_vertex() -> None:
    text = "FROM a AS x\nRUN same\nFROM a AS y\nRUN same\nFROM x\nCOPY --from=y / /\n"
    assert len(of_type(graph(text), ops.Execute)) == 1


BASE = "FROM a\nARG v=1\nENV e=1\nRUN x\n"


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("FROM b\nARG v=1\nENV e=1\nRUN x\n", {}),
        ("FROM a\nARG v=2\nENV e=1\nRUN x\n", {}),
        ("FROM a\nARG v=1\nENV e=2\nRUN x\n", {}),
        ("FROM a\nARG v=1\nENV e=1\nRUN y\n", {}),
        ("FROM a\nARG v=1\nENV e=1\nUSER u\nRUN x\n", {}),
        ("FROM a\nARG v=1\nENV e=1\nRUN --network=none x\n", {}),
        ("FROM a\nARG v=1\nENV e=1\nRUN --mount=type=tmpfs,target=/t x\n", {}),
        ('FROM a\nARG v=1\nENV e=1\nSHELL ["bash", "-c"]\nRUN x\n', {}),
        (BASE, {"build_args": {"v": "3"}}),
        (BASE, {"target_platform": ARM64}),
    ],
)
def test_what_changes_the_key(text: str, values: dict[str, Any]) -> None:
    assert graph(text, **values).result != graph(BASE).result


@pytest.mark.parametrize(
    ("text", "options", "values"),
    [
        ("# comment\nFROM a AS named\n\nARG  v=1\nENV e=1\nrun x\n", None, {}),
        (BASE + "CMD y\nLABEL z=1\n", None, {}),
        (BASE, GraphOptions(no_cache=True), {}),
        (BASE, None, {"build_args": {"HTTP_PROXY": "http://127.0.0.1"}}),
        (BASE, None, {"build_args": {"not_declared": "1"}}),
        ("FROM a\nARG v=1\nENV e=1\nEXPOSE 80\nRUN x\n", None, {}),
    ],
)
def test_what_does_not(text: str, options: GraphOptions | None, values: dict[str, Any]) -> None:
    assert graph(text, options, **values).result == graph(BASE).result


def test_the_key_is_the_same_everywhere() -> None:
    """Caches are kept on disk and sent around: another digest throws them all away."""
    assert graph("FROM scratch\nCOPY a b\n").result == (
        "sha256:c745185d7b8ea9d05e0477ce39e413be22615ee9cdb88376e5590cbbce31158b"
    )


def test_proxies_and_cache_are_beside_the_key() -> None:
    found = graph(BASE, GraphOptions(no_cache=True), build_args={"no_proxy": "p"})
    vertex = found.vertices[found.result]
    assert vertex.ignore_cache
    assert dict(vertex.proxies) == {"no_proxy": "p", "NO_PROXY": "p"}
    text = "FROM a AS x\nRUN 1\nFROM x AS y\nRUN 2\n"
    found = graph(text, GraphOptions(no_cache_stages=frozenset({"y"})))
    assert [vertex.ignore_cache for vertex in found.vertices.values()] == [False, False, True]


def test_mounts() -> None:
    text = (
        "FROM a AS t\nFROM a\nWORKDIR /w\nRUN --mount=type=cache,target=c,sharing=locked "
        "--mount=from=t,source=s,target=/b,rw --mount=type=secret,id=k "
        "--mount=type=secret,id=v,env=V --mount=type=ssh --mount=type=tmpfs,target=/t,size=1k x\n"
    )
    found = graph(text, GraphOptions(cache_namespace="ns"))
    (execute,) = of_type(found, ops.Execute)
    assert execute.mounts == (
        ops.RunMount("cache", "/w/c", read_only=False, cache_id="ns/c", sharing="locked"),
        ops.RunMount("bind", "/b", input=1, source="/s", read_only=False),
        ops.RunMount("secret", "/run/secrets/k", id="k"),
        ops.RunMount("secret", "", id="v", env="V"),
        ops.RunMount("ssh", "", id="default"),
        ops.RunMount("tmpfs", "/t", read_only=False, size=1024),
    )
    assert found.used_paths[found.base] == {"/s"}


def test_heredocs() -> None:
    found = graph("FROM a\nRUN <<E\n#!/bin/x\ny\nE\nCOPY <<F <<G /d/\n1\nF\n2\nG\n")
    (execute,) = of_type(found, ops.Execute)
    assert execute.argv == ("/bin/sh", "-c", "/dev/pipes/E")
    assert execute.mounts == (ops.RunMount("bind", "/dev/pipes", input=1),)
    assert of_type(found, ops.MakeFile) == [
        ops.MakeFile("E", "#!/bin/x\ny\n", 0o755),
        ops.MakeFile("F", "1\n"),
        ops.MakeFile("G", "2\n"),
    ]
    assert found.history[0].created_by == "RUN /bin/sh -c /dev/pipes/E # buildkit"
    assert "[2/3] RUN <<E (#!/bin/x...)" in names(found)


def test_copies() -> None:
    text = (
        "FROM a\nWORKDIR /w\nCOPY --chown=1:2 --chmod=700 --exclude=*.o x ../y d/\n"
        "COPY --parents a/./b/c e/*.d .\nADD f.tar http://example.com/g?h /i\n"
        "ADD --unpack http://example.com/ /j\nADD https://example.com/k.git#v1 /l\n"
    )
    first, second, third, fourth, fifth = of_type(graph(text), ops.CopyFiles)
    assert first == ops.CopyFiles((_local("/x"), _local("/y")), "/w/d/", "1:2", "700", ("*.o",))
    assert [(item.path, item.include, item.required) for item in second.items] == [
        ("/a", ("b/c",), ("/a/b/c",)),
        ("/", ("e/*.d",), ()),
    ]
    assert [(item.input, item.path, item.unpack) for item in third.items] == [
        (1, "/f.tar", True),
        (2, "/g", False),
    ]
    assert fourth.items == (ops.CopyItem(1, "/__unnamed__", unpack=True),)
    assert fifth.items == (ops.CopyItem(1, "/"),)


def _local(path: str) -> ops.CopyItem:
    return ops.CopyItem(1, path, wildcard=True, contents_only=True, follow_links=True)


def test_a_linked_copy_does_not_depend_on_what_is_below() -> None:
    one = graph("FROM a\nRUN 1\nCOPY --link x /\n")
    two = graph("FROM b\nCOPY --link x /\n")
    assert one.layers[-1] == two.layers[-1]
    merge = one.vertices[one.result]
    assert isinstance(merge.operation, ops.Merge)
    assert merge.inputs == (one.layers[0], one.layers[1])
    assert merge.name == "[3/3] LINK COPY --link x /"


def test_layers_and_history() -> None:
    found = graph("FROM a AS x\nRUN 1\nENV a=1\nFROM x\nWORKDIR /w\nWORKDIR /\nONBUILD RUN z\n")
    assert [(entry.created_by, bool(entry.layer)) for entry in found.history] == [
        ("RUN /bin/sh -c 1 # buildkit", True),
        ("ENV a=1", False),
        ("WORKDIR /w", True),
        ("WORKDIR /", False),
    ]
    assert found.layers[-1] == found.result
    assert found.vertices[found.base].operation == ops.SourceImage(
        "docker.io/library/a:latest", AMD64
    )


def test_what_is_used_of_the_context() -> None:
    found = graph("FROM scratch\nCOPY a b/*.c /\nCOPY --parents d/./e /\n")
    (context,) = (
        digest
        for digest, vertex in found.vertices.items()
        if isinstance(vertex.operation, ops.SourceContext)
    )
    assert found.used_paths[context] == {"/a", "/b/*.c", "/d/e"}


def test_named_contexts() -> None:
    text = "FROM base AS x\nFROM x\nCOPY --from=extra / /\n"
    found = graph(text, contexts=frozenset({"base", "extra"}))
    assert of_type(found, ops.SourceContext) == [
        ops.SourceContext("base"),
        ops.SourceContext("extra"),
    ]
