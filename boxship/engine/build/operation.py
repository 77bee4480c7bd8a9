"""What the solver can do, as frozen data: each operation with its inputs has a digest.

Everything in an operation is part of its digest, and so of its cache key; what must not be (names,
places, proxies, values of secrets, whether the cache is ignored) is in ``graph.Vertex``. An
``input`` is an index into the vertex's inputs.
"""

from dataclasses import dataclass

from boxship.oci.platform import Platform


@dataclass(frozen=True, slots=True)
class Scratch:
    """An empty tree."""


@dataclass(frozen=True, slots=True)
class SourceImage:
    """The tree of an image. The solver adds its digest to the key."""

    reference: str
    platform: Platform


@dataclass(frozen=True, slots=True)
class SourceContext:
    """A context that the client sends. The solver adds the checksums of what is used of it."""

    name: str = ""
    """Of a named context; empty for the main one."""


@dataclass(frozen=True, slots=True)
class SourceHttp:
    """A file that is downloaded. The solver adds its checksum."""

    url: str
    filename: str
    checksum: str = ""


@dataclass(frozen=True, slots=True)
class SourceGit:
    """A git repository, as it is written in ADD. The solver adds the commit."""

    url: str
    keep_git_dir: bool = False
    checksum: str = ""


@dataclass(frozen=True, slots=True)
class MakeFile:
    """A tree with one file: a heredoc."""

    name: str
    data: str
    """Lone surrogates are bytes that are not UTF-8 (``source.decode``)."""
    mode: int = 0o644


@dataclass(frozen=True, slots=True)
class MakeDirectory:
    """Input 0 with a directory: WORKDIR."""

    path: str
    user: str


@dataclass(frozen=True, slots=True)
class CopyItem:
    """One source of a COPY or ADD."""

    input: int
    path: str
    """Absolute; a pattern when ``wildcard``."""
    wildcard: bool = False
    contents_only: bool = False
    """Of a directory its entries are copied."""
    follow_links: bool = False
    include: tuple[str, ...] = ()
    """Patterns below ``path`` (``--parents``)."""
    required: tuple[str, ...] = ()
    """Paths that must exist although a pattern would also match nothing."""
    unpack: bool = False


@dataclass(frozen=True, slots=True)
class CopyFiles:
    """Files laid over input 0; with ``--link`` input 0 is empty and a Merge follows."""

    items: tuple[CopyItem, ...]
    target: str
    """Absolute; a slash at the end makes it a directory."""
    owner: str = ""
    mode: str = ""
    excludes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RunMount:
    """A mount of a RUN. The values of secrets and agents are no part of it."""

    type: str
    target: str
    """Absolute; empty for a secret that is only a variable and an agent with the default place."""
    input: int = -1
    source: str = "/"
    read_only: bool = True
    cache_id: str = ""
    sharing: str = ""
    size: int = 0
    id: str = ""
    required: bool = False
    env: str = ""
    mode: int = -1
    """-1: the default."""
    uid: int = 0
    gid: int = 0


@dataclass(frozen=True, slots=True)
class Execute:
    """A process in input 0: RUN."""

    argv: tuple[str, ...]
    environment: tuple[tuple[str, str], ...]
    workdir: str
    user: str
    platform: Platform
    network: str = "default"
    security: str = "sandbox"
    devices: tuple[tuple[str, bool], ...] = ()
    """Name, required."""
    mounts: tuple[RunMount, ...] = ()


@dataclass(frozen=True, slots=True)
class Merge:
    """The inputs' trees laid over each other, the first lowest."""


Operation = (
    Scratch
    | SourceImage
    | SourceContext
    | SourceHttp
    | SourceGit
    | MakeFile
    | MakeDirectory
    | CopyFiles
    | Execute
    | Merge
)
