"""``boxship manifest annotate``."""

from boxship.cli.errors import CliError
from boxship.cli.flags import Flag, Flags
from boxship.cli.manifest.store import ManifestStore
from boxship.cli.remote import named
from boxship.cli.session import Cli

USAGE = "[OPTIONS] MANIFEST_LIST MANIFEST"
ARGS: tuple[int, int | None] = (2, 2)
FLAGS = (
    Flag("arch", "", "string", "Set architecture"),
    Flag("os", "", "string", "Set operating system"),
    Flag("os-features", "", "slice", "Set operating system feature", shown="strings"),
    Flag("os-version", "", "string", "Set operating system version"),
    Flag("variant", "", "string", "Set architecture variant"),
)
# Which architectures Go knows for a system (go tool dist list), as docker checks it.
_BSD = "386 amd64 arm arm64"
_KNOWN = {
    "aix": "ppc64",
    "android": _BSD,
    "darwin": _BSD,
    "dragonfly": "amd64",
    "freebsd": _BSD,
    "illumos": "amd64",
    "ios": "amd64 arm64",
    "js": "wasm",
    "linux": f"{_BSD} loong64 mips mips64 mips64le mipsle ppc64 ppc64le riscv64 s390x",
    "netbsd": _BSD,
    "openbsd": f"{_BSD} mips64",
    "plan9": "386 amd64 arm",
    "solaris": "amd64",
    "wasi": "wasm",
    "wasip1": "wasm",
    "windows": _BSD,
}


def run(cli: Cli, flags: Flags, args: list[str]) -> int:
    """Say what a manifest of a list runs on."""
    target, image = named(args[0]), named(args[1])
    store = ManifestStore(cli)
    one = store.get(target, image)
    if one is None:
        raise CliError(f"manifest for image {args[1]} does not exist in {args[0]}")
    platform = dict(one["Descriptor"].get("platform") or {})
    for flag, key in (
        ("os", "os"),
        ("arch", "architecture"),
        ("variant", "variant"),
        ("os-version", "os.version"),
    ):
        if flags.text(flag):
            platform[key] = flags.text(flag)
    if features := flags.items("os-features"):
        platform["os.features"] = list(dict.fromkeys([*platform.get("os.features", []), *features]))
    system, machine = platform.get("os", ""), platform.get("architecture", "")
    if machine not in _KNOWN.get(system, "").split():
        raise CliError(
            f"manifest entry for image has unsupported os/arch combination: {system}/{machine}"
        )
    one["Descriptor"]["platform"] = platform
    store.save(target, image, one)
    return 0
