"""Manifests in registries, fetched and stored through the engine."""

from boxship import reference
from boxship.cli import credentials
from boxship.cli.errors import CliError
from boxship.client import jsontext
from boxship.client.calls import registry as calls

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from boxship.cli.session import Cli
    from boxship.reference import Reference

    Json = dict[str, Any]

OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
INDEXES = (OCI_INDEX, DOCKER_LIST)
_CONFIGS = (
    "application/vnd.oci.image.config.v1+json",
    "application/vnd.docker.container.image.v1+json",
)


class Remote:
    """A manifest or index as a registry keeps it."""

    def __init__(self, name: "Reference", media_type: str, digest: str, data: bytes) -> None:
        self.name = name
        self.media_type = media_type
        self.digest = digest
        self.data = data

    @property
    def document(self) -> "Json":
        """What it says."""
        found: Json = jsontext.loads(self.data)
        return found

    @property
    def is_index(self) -> bool:
        """Whether it lists manifests."""
        return self.media_type in INDEXES

    def descriptor(self, platform: "Json | None" = None) -> "Json":
        """An OCI descriptor of it."""
        found: Json = {
            "mediaType": self.media_type,
            "digest": self.digest,
            "size": len(self.data),
        }
        return found | ({"platform": platform} if platform else {})


def with_digest(name: "Reference", digest: str) -> "Reference":
    """A name with a digest; its tag stays."""
    return reference.Reference(name.domain, name.path, name.tag, digest)


def named(text: str) -> "Reference":
    """Read an image's name; without tag and digest ``latest`` is meant."""
    return reference.parse_normalized(text).with_default_tag()


class Registries:
    """Speaks to registries through the engine, with the user's logins."""

    def __init__(self, cli: "Cli", *, insecure: bool = False) -> None:
        self._cli = cli
        self._insecure = insecure

    def auth(self, name: "Reference") -> str:
        """The login for an image's registry, as a header field."""
        return credentials.encode(credentials.for_registry(self._cli.config, name.domain))

    def fetch(self, name: "Reference") -> Remote:
        """Fetch a manifest or index. Raises DaemonError."""
        call = calls.registry_manifest(
            str(name), insecure=self._insecure, registry_auth=self.auth(name)
        )
        with self._cli.client.response(call) as response:
            data = response.read_all()
            headers = response.head.headers
        return Remote(name, headers["content-type"], headers["docker-content-digest"], data)

    def member(self, index: Remote, digest: str) -> Remote:
        """Fetch an entry of an index."""
        return self.fetch(with_digest(index.name, digest))

    def config(self, manifest: Remote) -> "Json":
        """Fetch an image's configuration; empty for what is no image."""
        described = manifest.document.get("config") or {}
        if described.get("mediaType") not in _CONFIGS:
            return {}
        name = with_digest(manifest.name, str(described["digest"]))
        call = calls.registry_document(
            str(name), insecure=self._insecure, registry_auth=self.auth(name)
        )
        with self._cli.client.response(call) as response:
            found = jsontext.loads(response.read_all())
        return found if isinstance(found, dict) else {}

    def platform(self, manifest: Remote) -> "Json":
        """What an image runs on, as its configuration says."""
        config = self.config(manifest)
        names = ("architecture", "os", "os.version", "os.features", "variant")
        return {name: config[name] for name in names if config.get(name)}

    def put(self, name: "Reference", media_type: str, data: bytes) -> str:
        """Store a manifest or index; return its digest."""
        answer = self._cli.json(
            calls.put_registry_manifest(
                str(name),
                media_type,
                data,
                insecure=self._insecure,
                registry_auth=self.auth(name),
            )
        )
        return str(answer["Digest"])

    def copy(self, source: "Reference", target: "Reference") -> str:
        """Copy a manifest or index with all it needs; return its digest."""
        answer = self._cli.json(
            calls.registry_copy(
                str(source),
                str(target),
                insecure=self._insecure,
                source_auth=self.auth(source),
                registry_auth=self.auth(target),
            )
        )
        return str(answer["Digest"])


def check_same_registry(source: "Reference", target: "Reference") -> None:
    """Raise CliError unless two images are of one registry."""
    if source.domain != target.domain:
        raise CliError(
            "cannot use source images from a different registry than the target image: "
            f"{source.domain} != {target.domain}"
        )
