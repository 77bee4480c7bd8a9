"""Names of images: ``[domain/]path[:tag][@digest]``.

Grammar and normal form are those of github.com/distribution/reference: a familiar name (``nginx``)
stands for a canonical one (``docker.io/library/nginx``). The parser is written by hand because the
command line imports this on every run.
"""

from boxship.errors import InvalidParameterError

DEFAULT_DOMAIN = "docker.io"
DEFAULT_TAG = "latest"
MAX_PATH_LENGTH = 255
_LEGACY_DOMAIN = "index.docker.io"
_OFFICIAL_PREFIX = "library/"
_LOWER = "abcdefghijklmnopqrstuvwxyz"
_DIGITS = "0123456789"
_HEX = frozenset("0123456789abcdef")
_LOWER_ALNUM = frozenset(_LOWER + _DIGITS)
_ALNUM = frozenset(_LOWER + _LOWER.upper() + _DIGITS)
_TAG_CHARS = _ALNUM | frozenset("_.-")
_SHORTEST_DIGEST = 32  # digits, whatever the algorithm
_DIGEST_LENGTHS = {"sha256": 64, "sha384": 96, "sha512": 128}


class Reference:
    """An image name in its canonical form; never changed after it was made.

    domain: registry host with its port, ``docker.io`` for the default one.
    path: repository within it (``library/nginx``). digest: ``sha256:<64 hex>``.
    """

    # A plain class: the typing and dataclasses modules would cost each command 15 ms.
    __slots__ = ("digest", "domain", "path", "tag")

    def __init__(
        self, domain: str, path: str, tag: str | None = None, digest: str | None = None
    ) -> None:
        self.domain = domain
        self.path = path
        self.tag = tag
        self.digest = digest

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Reference) and str(self) == str(other)

    def __hash__(self) -> int:
        return hash(str(self))

    def __repr__(self) -> str:
        return f"Reference({str(self)!r})"

    @property
    def name(self) -> str:
        """Canonical repository name, without tag and digest."""
        return f"{self.domain}/{self.path}"

    @property
    def familiar_name(self) -> str:
        """Repository name as people write it: the default domain and ``library/`` left off."""
        if self.domain != DEFAULT_DOMAIN:
            return self.name
        short = self.path.removeprefix(_OFFICIAL_PREFIX)
        return self.path if "/" in short else short

    @property
    def familiar(self) -> str:
        """The whole reference as people write it: ``nginx:1.25``."""
        return self.familiar_name + self._suffix

    @property
    def _suffix(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        return tag + (f"@{self.digest}" if self.digest else "")

    def __str__(self) -> str:
        return self.name + self._suffix

    def with_default_tag(self) -> "Reference":
        """Add ``latest`` to a reference that has neither tag nor digest."""
        return self if self.tag or self.digest else self.with_tag(DEFAULT_TAG)

    def with_tag(self, tag: str) -> "Reference":
        """Set the tag. Raises InvalidParameterError."""
        if not is_tag(tag):
            raise InvalidParameterError("invalid tag format")
        return Reference(self.domain, self.path, tag, self.digest)

    def with_digest(self, digest: str) -> "Reference":
        """Name exactly one content; the tag is dropped. Raises InvalidParameterError."""
        check_digest(digest)
        return Reference(self.domain, self.path, None, digest)


def parse_normalized(text: str) -> Reference:
    """Read a familiar or canonical name; no tag is added.

    Raises InvalidParameterError in Docker's words.
    """
    if len(text) == 64 and _HEX.issuperset(text):
        raise InvalidParameterError(
            f"invalid repository name ({text}), cannot specify 64-byte hexadecimal strings"
        )
    domain, rest = _split_domain(text)
    name_only = rest.partition(":")[0]
    if name_only.lower() != name_only:
        raise InvalidParameterError(
            f"invalid reference format: repository name ({name_only}) must be lowercase"
        )
    named, at, digest = rest.partition("@")
    path, colon, tag = named.partition(":")
    if not (is_domain(domain) and _is_path(path)) or (colon and not is_tag(tag)):
        raise InvalidParameterError("invalid reference format")
    if len(path) > MAX_PATH_LENGTH:
        raise InvalidParameterError(
            f"repository name must not be more than {MAX_PATH_LENGTH} characters"
        )
    if at:
        _check_written_digest(digest)
    return Reference(domain, path, tag or None, digest or None)


def _split_domain(text: str) -> tuple[str, str]:
    first, slash, rest = text.partition("/")
    if not slash:
        return DEFAULT_DOMAIN, _OFFICIAL_PREFIX + text
    domain = DEFAULT_DOMAIN
    if first == "localhost" or "." in first or ":" in first or first.lower() != first:
        domain = DEFAULT_DOMAIN if first == _LEGACY_DOMAIN else first
    else:
        rest = text
    if domain == DEFAULT_DOMAIN and "/" not in rest:
        rest = _OFFICIAL_PREFIX + rest
    return domain, rest


def is_tag(text: str) -> bool:
    """Tell whether text is a tag: ``[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}``."""
    return 0 < len(text) <= 128 and text[0] not in ".-" and _TAG_CHARS.issuperset(text)


def _check_written_digest(digest: str) -> None:
    """Refuse what the grammar of references does not take for a digest, before all else."""
    encoded = digest.partition(":")[2]
    if len(encoded) < _SHORTEST_DIGEST or not _HEX.issuperset(encoded.lower()):
        raise InvalidParameterError("invalid reference format")
    check_digest(digest)


def check_digest(digest: str) -> None:
    """Raise InvalidParameterError unless digest is ``<algorithm>:<lower-case hex>``."""
    algorithm, colon, encoded = digest.partition(":")
    if not (colon and algorithm and encoded and _ALNUM.issuperset(encoded)):
        raise InvalidParameterError("invalid reference format")
    length = _DIGEST_LENGTHS.get(algorithm)
    if length is None:
        raise InvalidParameterError("unsupported digest algorithm")
    if len(encoded) != length:
        raise InvalidParameterError("invalid checksum digest length")
    if not _HEX.issuperset(encoded):
        raise InvalidParameterError("invalid checksum digest format")


def is_digest(text: str) -> bool:
    """Tell whether text is a complete digest of a known algorithm."""
    try:
        check_digest(text)
    except InvalidParameterError:
        return False
    return True


def is_domain(domain: str) -> bool:
    """Tell whether text is a registry's host: ``name[:port]`` or ``[address][:port]``."""
    if domain.startswith("["):
        address, bracket, port = domain[1:].partition("]")
        plain = bool(address) and (_HEX | frozenset("ABCDEF:")).issuperset(address)
        return bool(bracket) and plain and (not port or _is_port(port))
    host, colon, port = domain.partition(":")
    labels = host.split(".")
    return all(_is_label(label) for label in labels) and (not colon or _is_port(f":{port}"))


def _is_port(text: str) -> bool:
    return len(text) > 1 and text[0] == ":" and frozenset(_DIGITS).issuperset(text[1:])


def _is_label(label: str) -> bool:
    inside = _ALNUM | {"-"}
    return bool(label) and inside.issuperset(label) and label[0] != "-" and label[-1] != "-"


def _is_path(path: str) -> bool:
    return all(_is_component(component) for component in path.split("/"))


def _is_component(text: str) -> bool:
    """Lower-case letters and digits, parted by ``.``, ``_``, ``__`` or any number of ``-``."""
    if not text or text[0] not in _LOWER_ALNUM or text[-1] not in _LOWER_ALNUM:
        return False
    separator = ""
    for char in text:
        if char in _LOWER_ALNUM:
            separator = ""
            continue
        separator += char
        if separator not in (".", "_", "__") and separator.strip("-"):
            return False
    return True
