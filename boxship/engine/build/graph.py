"""From an evaluated Dockerfile to a graph of operations; pure.

Vertices are named by the digest of their operation and inputs, so that equal work is one vertex,
in one build and between builds. Only what the target needs is in the graph.
"""

import hashlib
import json
import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from urllib.parse import urlsplit

import msgspec

from boxship.engine.build import operation as ops
from boxship.engine.build.frontend import instruction as kinds
from boxship.engine.build.frontend.arguments import proxy_environment
from boxship.engine.build.frontend.effects import (
    HEREDOC_DIRECTORY,
    is_lone_heredoc,
    run_command,
    secret_id,
)
from boxship.engine.build.frontend.evaluate import EvaluatedStage, Evaluation
from boxship.engine.build.frontend.expand import Lexer
from boxship.engine.build.frontend.mount import Mount
from boxship.engine.build.frontend.place import Place
from boxship.engine.build.frontend.state import (
    DEFAULT_SHELL,
    WINDOWS_SHELL,
    Origin,
    Step,
    destination,
    join_path,
)
from boxship.engine.build.frontend.transfer import source_kind
from boxship.errors import InvalidParameterError
from boxship.oci.image import ImageConfig
from boxship.oci.platform import Platform
from boxship.reference import parse_normalized


@dataclass(frozen=True, slots=True)
class GraphOptions:
    """What does not come from the Dockerfile."""

    no_cache: bool = False
    no_cache_stages: frozenset[str] = frozenset()
    """``--no-cache-filter``."""
    cache_namespace: str = ""
    """``BUILDKIT_CACHE_MOUNT_NS``."""


@dataclass(frozen=True, slots=True)
class Vertex:
    """An operation with its inputs."""

    digest: str
    """``sha256:…`` of the operation and the inputs' digests."""
    operation: ops.Operation
    inputs: tuple[str, ...]
    name: str
    """``[build 2/5] RUN make``"""
    place: Place
    ignore_cache: bool = False
    proxies: tuple[tuple[str, str], ...] = ()
    """Variables for the process that are no part of the key."""


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One line of the image's history."""

    created_by: str
    layer: str = ""
    """The vertex that makes its layer; empty without one."""


@dataclass(frozen=True, slots=True)
class Graph:
    """All that is to be done for one target and platform."""

    vertices: Mapping[str, Vertex]
    """Inputs come before what needs them."""
    result: str
    """The vertex whose tree is the image's."""
    base: str
    """The vertex of the base image, or of Scratch."""
    history: tuple[HistoryEntry, ...]
    """Without the base image's own."""
    image: ImageConfig
    """Without layers and history."""
    used_paths: Mapping[str, frozenset[str]]
    """For each input of a COPY or a mount: absolute paths and patterns used of it; ``/``: all."""

    @property
    def layers(self) -> tuple[str, ...]:
        """The vertices that make the layers above the base, lowest first."""
        return tuple(entry.layer for entry in self.history if entry.layer)


def build_graph(evaluation: Evaluation, options: GraphOptions | None = None) -> Graph:
    """Raises DockerfileError, InvalidParameterError for what only shows here."""
    return _Builder(evaluation, options or GraphOptions()).build()


def digest_of(operation: ops.Operation, inputs: tuple[str, ...]) -> str:
    """The name of an operation on these inputs, stable between processes and machines."""
    fields = {"type": type(operation).__name__, "inputs": inputs, **asdict(operation)}
    text = json.dumps(fields, sort_keys=True, default=msgspec.to_builtins)
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


@dataclass(slots=True)
class _Chain:
    """How far a stage has come."""

    state: str
    base: str
    history: list[HistoryEntry] = field(default_factory=list)


class _Builder:
    def __init__(self, evaluation: Evaluation, options: GraphOptions) -> None:
        self._evaluation = evaluation
        self._options = options
        self._vertices: dict[str, Vertex] = {}
        self._chains: dict[int, _Chain] = {}
        self._proxies = tuple(proxy_environment(evaluation.options.build_args).items())

    def build(self) -> Graph:
        for index, stage in self._evaluation.stages.items():
            self._chains[index] = _Stage(self, stage).build()
        target = self._evaluation.target
        chain = self._chains[target]
        needed = self._needed(chain.state)
        vertices = {name: one for name, one in self._vertices.items() if name in needed}
        return Graph(
            vertices,
            chain.state,
            chain.base,
            tuple(chain.history),
            self._evaluation.stages[target].image,
            _used_paths(vertices),
        )

    def _needed(self, result: str) -> set[str]:
        found, queue = {result}, [result]
        while queue:
            for name in self._vertices[queue.pop()].inputs:
                if name not in found:
                    found.add(name)
                    queue.append(name)
        return found

    @property
    def options(self) -> GraphOptions:
        return self._options

    @property
    def proxies(self) -> tuple[tuple[str, str], ...]:
        return self._proxies

    @property
    def is_single(self) -> bool:
        return len(self._evaluation.dockerfile.stages) == 1

    def chain(self, index: int) -> _Chain:
        return self._chains[index]

    def add(
        self,
        operation: ops.Operation,
        inputs: tuple[str, ...],
        name: str,
        place: Place,
        *,
        ignore_cache: bool = False,
    ) -> str:
        digest = digest_of(operation, inputs)
        proxies = self._proxies if isinstance(operation, ops.Execute) else ()
        vertex = Vertex(digest, operation, inputs, name, place, ignore_cache, proxies)
        self._vertices.setdefault(digest, vertex)
        return digest

    def source(self, origin: Origin, platform: Platform, name: str, place: Place) -> str:
        if origin.kind == "stage":
            return self._chains[origin.stage].state
        return self.add(_source(origin, platform), (), name, place)


def _source(origin: Origin, platform: Platform) -> ops.Operation:
    if origin.kind == "image":
        reference = str(parse_normalized(origin.name).with_default_tag())
        return ops.SourceImage(reference, platform)
    if origin.kind == "scratch":
        return ops.Scratch()
    return ops.SourceContext(origin.name)


class _Stage:
    """Makes the vertices of one stage."""

    def __init__(self, builder: _Builder, stage: EvaluatedStage) -> None:
        self._builder = builder
        self._stage = stage
        self._label = "" if builder.is_single else stage.stage.label
        self._count = 0
        named = (kinds.Copy, kinds.Add, kinds.Run, kinds.Workdir)
        self._total = sum(isinstance(step.instruction, named) for step in stage.steps)
        self._total += stage.origin.kind in ("image", "named")
        options = builder.options
        self._ignore = options.no_cache or stage.stage.name in options.no_cache_stages

    def build(self) -> _Chain:
        chain = self._start()
        for step in self._stage.steps:
            self._step(chain, step)
        return chain

    def _start(self) -> _Chain:
        origin, start = self._stage.origin, self._stage.stage.start
        if origin.kind == "stage":
            base = self._builder.chain(origin.stage)
            return _Chain(base.state, base.base, list(base.history))
        name = ""
        if origin.kind != "scratch":
            name = self._name(f"FROM {self._reference(origin)}")
        state = self._builder.source(origin, self._stage.platform, name, start.place)
        return _Chain(state, state)

    def _reference(self, origin: Origin) -> str:
        request = self._stage.request
        return request.reference if request is not None else origin.name

    def _name(self, text: str, is_trigger: bool = False) -> str:
        self._count += 1
        width = len(str(max(self._total, 1)))
        label = f"{self._label} " if self._label else ""
        trigger = "ONBUILD " if is_trigger else ""
        return f"[{label}{self._count:>{width}}/{self._total}] {trigger}{text}"

    def _step(self, chain: _Chain, step: Step) -> None:
        found = step.instruction
        layer = ""
        if isinstance(found, kinds.Run):
            layer = chain.state = self._run(chain.state, step, found)
        elif isinstance(found, kinds.Copy | kinds.Add):
            layer, chain.state = self._copy(chain.state, step, found)
        elif isinstance(found, kinds.Workdir):
            name = self._step_name(step)
            if step.layer:
                path = join_path(step.workdir, found.path)
                operation = ops.MakeDirectory(path, step.user)
                layer = chain.state = self._add(operation, (chain.state,), name, step)
        if step.created_by:
            chain.history.append(HistoryEntry(step.created_by, layer))

    def _add(self, operation: ops.Operation, inputs: tuple[str, ...], name: str, step: Step) -> str:
        place = step.instruction.place
        return self._builder.add(operation, inputs, name, place, ignore_cache=self._ignore)

    def _step_name(self, step: Step) -> str:
        lexer = Lexer(raw_quotes=True, keep_unset=True)
        text = step.instruction.text
        try:
            text = lexer.expand(text, dict(step.environment)).text
        except InvalidParameterError:
            pass
        keyword, _, rest = text.partition(" ")
        return self._name(f"{keyword.upper()} {rest}{_summary(step)}", step.is_trigger)

    def _source(self, origin: Origin, step: Step) -> str:
        name = f"[internal] load {origin.name or 'build context'}"
        platform = self._stage.platform
        return self._builder.source(origin, platform, name, step.instruction.place)

    def _run(self, state: str, step: Step, found: kinds.Run) -> str:
        name = self._step_name(step)
        inputs = [state]
        mounts = [
            self._mount(mount, origin, step, inputs)
            for mount, origin in zip(step.mounts, step.origins, strict=True)
        ]
        argv, script = run_command(found.command)
        if script is not None:
            document = ops.MakeFile(script.name, script.data, 0o755)
            inputs.append(self._add(document, (), "[internal] preparing inline document", step))
            mounts.append(ops.RunMount("bind", HEREDOC_DIRECTORY, input=len(inputs) - 1))
        if found.command.shell:
            argv = (*self._shell(step), *argv)
        operation = ops.Execute(
            argv,
            step.environment,
            step.workdir,
            step.user,
            self._stage.platform,
            found.network,
            found.security,
            tuple((device.name, device.required) for device in found.devices),
            tuple(mounts),
        )
        return self._add(operation, tuple(inputs), name, step)

    def _shell(self, step: Step) -> tuple[str, ...]:
        windows = self._stage.platform.os == "windows"
        return step.shell or (WINDOWS_SHELL if windows else DEFAULT_SHELL)

    def _mount(self, mount: Mount, origin: Origin, step: Step, inputs: list[str]) -> ops.RunMount:
        target = join_path(step.workdir, mount.target) if mount.target else ""
        if mount.type == "secret":
            return _secret_mount(mount, target)
        own_source = mount.type == "bind" or (mount.type == "cache" and bool(mount.from_))
        if own_source:
            inputs.append(self._source(origin, step))
        namespace = self._builder.options.cache_namespace
        is_cache = mount.type == "cache"
        identity = mount.id or posixpath.normpath(mount.target or "/")
        return ops.RunMount(
            mount.type,
            target,
            len(inputs) - 1 if own_source else -1,
            join_path("/", mount.source),
            mount.read_only,
            f"{namespace}/{identity}" if is_cache else "",
            (mount.sharing or "shared") if is_cache else "",
            mount.size,
            mount.id or "default" if mount.type == "ssh" else "",
            mount.required,
            mode=-1 if mount.mode is None else mount.mode,
            uid=mount.uid or 0,
            gid=mount.gid or 0,
        )

    def _copy(self, state: str, step: Step, found: kinds.Copy | kinds.Add) -> tuple[str, str]:
        """The vertex that makes the layer, and the state behind it."""
        name = self._step_name(step)
        linked = found.link and not found.chmod
        place = found.place
        lower = self._builder.add(ops.Scratch(), (), "", place) if linked else state
        inputs = [lower]
        items = tuple(self._items(step, found, inputs))
        target = destination(step.workdir, found.target)
        operation = ops.CopyFiles(items, target, found.chown, found.chmod, found.excludes)
        copied = self._add(operation, tuple(inputs), name, step)
        if not linked:
            return copied, copied
        prefix, _, text = name.partition("] ")
        return copied, self._add(ops.Merge(), (state, copied), f"{prefix}] LINK {text}", step)

    def _items(
        self, step: Step, found: kinds.Copy | kinds.Add, inputs: list[str]
    ) -> Iterator[ops.CopyItem]:
        for word in found.sources:
            kind = source_kind(word) if isinstance(found, kinds.Add) else "local"
            source = self._local(step) if kind == "local" else self._remote(step, found, word)
            if source not in inputs[1:]:
                inputs.append(source)
            yield _item(found, word, kind, inputs.index(source, 1))
        for document in found.documents:
            name = "[internal] preparing inline document"
            made = ops.MakeFile(document.name, document.data)
            inputs.append(self._add(made, (), name, step))
            yield ops.CopyItem(len(inputs) - 1, join_path("/", document.name))

    def _local(self, step: Step) -> str:
        return self._source(step.origins[0], step)

    def _remote(self, step: Step, found: kinds.Copy | kinds.Add, word: str) -> str:
        checksum = found.checksum if isinstance(found, kinds.Add) else ""
        if source_kind(word) == "http":
            operation: ops.Operation = ops.SourceHttp(word, _filename(word), checksum)
        else:
            keep = bool(isinstance(found, kinds.Add) and found.keep_git_dir)
            operation = ops.SourceGit(word, keep, checksum)
        return self._add(operation, (), word, step)


def _summary(step: Step) -> str:
    """The first line of a RUN that is nothing but a document."""
    found = step.instruction
    if not isinstance(found, kinds.Run) or not is_lone_heredoc(found.command):
        return ""
    first, *more = found.command.heredocs[0].content.strip().splitlines() or [""]
    return f" ({first}{'...' if more else ''})"


def _secret_mount(mount: Mount, target: str) -> ops.RunMount:
    name = secret_id(mount)
    if not target and mount.env is None:
        target = f"/run/secrets/{posixpath.basename(name)}"
    return ops.RunMount(
        "secret",
        target,
        id=name,
        required=mount.required,
        env=mount.env or "",
        mode=-1 if mount.mode is None else mount.mode,
        uid=mount.uid or 0,
        gid=mount.gid or 0,
    )


def _filename(url: str) -> str:
    """What a downloaded file is called, before its server says otherwise."""
    try:
        path = urlsplit(url).path
    except ValueError:
        path = ""
    return posixpath.basename(path.rstrip("/")) or "__unnamed__"


def _item(found: kinds.Copy | kinds.Add, word: str, kind: str, source: int) -> ops.CopyItem:
    if kind == "git":
        return ops.CopyItem(source, "/")
    unpack = found.unpack if isinstance(found, kinds.Add) else False
    if kind == "http":
        return ops.CopyItem(source, f"/{_filename(word)}", unpack=bool(unpack))
    pivots = isinstance(found, kinds.Copy) and found.parents
    path, include, required = _pivot(word) if pivots else (join_path("/", word), (), ())
    return ops.CopyItem(
        source,
        path,
        wildcard=True,
        contents_only=True,
        follow_links=True,
        include=include,
        required=required,
        unpack=isinstance(found, kinds.Add) if unpack is None else unpack,
    )


def _pivot(word: str) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    """``--parents``: what is in front of ``/./`` is not kept."""
    parent, mark, pattern = word.partition("/./")
    if not mark:
        parent, pattern = "/", word
    pattern = join_path("/", pattern)
    wild = any(char in f"{parent}{pattern}" for char in "*?[")
    full = join_path("/", f"{parent}/{pattern}")
    return join_path("/", parent), (pattern.lstrip("/"),), () if wild else (full,)


def _used_paths(vertices: Mapping[str, Vertex]) -> dict[str, frozenset[str]]:
    used: dict[str, set[str]] = {}
    for vertex in vertices.values():
        for name, path in _uses(vertex):
            used.setdefault(name, set()).add(path)
    return {name: frozenset(paths) for name, paths in used.items()}


def _uses(vertex: Vertex) -> Iterator[tuple[str, str]]:
    operation, inputs = vertex.operation, vertex.inputs
    if isinstance(operation, ops.CopyFiles):
        for item in operation.items:
            below = item.include or ("",)
            yield from ((inputs[item.input], join_path(item.path, part)) for part in below)
    elif isinstance(operation, ops.Execute):
        for mount in operation.mounts:
            if mount.input >= 0:
                yield inputs[mount.input], mount.source
