"""Platforms: what an image runs on, and which of several fits.

Normal forms and the order of preference are those of containerd's platforms package, which
Docker uses.
"""

import functools
import os
from collections.abc import Sequence

from msgspec import Struct

from boxship.errors import InvalidParameterError

_ARCHITECTURES = {
    "x86_64": "amd64",
    "x86-64": "amd64",
    "i386": "386",
    "i686": "386",
    "aarch64": "arm64",
    "armhf": "arm",
    "armel": "arm",
    "armv5l": "arm",
    "armv6l": "arm",
    "armv7l": "arm",
    "armv8l": "arm",
}
_MACHINE_VARIANTS = {"armhf": "v7", "armel": "v6", "armv5l": "v5", "armv6l": "v6"}
_KNOWN_ARCHITECTURES = frozenset(
    [
        "386",
        "amd64",
        "arm",
        "arm64",
        "loong64",
        "loongarch64",
        "mips",
        "mips64",
        "mips64le",
        "mipsle",
        "ppc64",
        "ppc64le",
        "riscv64",
        "s390x",
        "wasm",
    ]
)
_KNOWN_OS = frozenset(
    [
        "aix",
        "android",
        "darwin",
        "dragonfly",
        "freebsd",
        "illumos",
        "js",
        "linux",
        "netbsd",
        "openbsd",
        "plan9",
        "solaris",
        "wasi",
        "wasip1",
        "windows",
        "zos",
    ]
)
_ARM_VARIANTS = ("v8", "v7", "v6", "v5")


class Platform(
    Struct,
    frozen=True,
    omit_defaults=True,
    rename={"os_version": "os.version", "os_features": "os.features"},
):
    """Operating system and processor, in Go's words."""

    architecture: str = ""
    os: str = ""
    os_version: str = ""
    """Of Windows: ``10.0.20348.1970``."""
    os_features: tuple[str, ...] = ()
    """What the system must have: ``win32k``."""
    variant: str = ""

    @property
    def text(self) -> str:
        """``os/architecture[/variant]``"""
        return "/".join(part for part in (self.os, self.architecture, self.variant) if part)

    @property
    def full_text(self) -> str:
        """``os(version)/architecture[/variant]``, which ``parse_platform`` reads too."""
        version = f"({self.os_version})" if self.os_version else ""
        return self.text.replace(self.os, f"{self.os}{version}", 1)

    def normalized(self) -> "Platform":
        """Return the one spelling that stands for all its aliases."""
        machine = self.architecture.lower()
        architecture = _ARCHITECTURES.get(machine, machine)
        variant = (self.variant or _MACHINE_VARIANTS.get(machine, "")).lower()
        if variant.isdigit():
            variant = f"v{variant}"
        if (architecture, variant) in (("arm64", "v8"), ("amd64", "v1")):
            variant = ""
        if architecture == "arm" and not variant:
            variant = "v7"
        return Platform(
            os=self.os.lower(),
            architecture=architecture,
            variant=variant,
            os_version=self.os_version,
            os_features=self.os_features,
        )


@functools.cache
def host_platform() -> Platform:
    """Return the platform of this machine."""
    uname = os.uname()
    return Platform(os=uname.sysname.lower(), architecture=uname.machine).normalized()


def parse_platform(text: str) -> Platform:
    """Read ``os``, ``arch``, ``os/arch`` or ``os/arch/variant``; what is left out is the host's.

    Raises InvalidParameterError.
    """
    system, version = _split_version(text.strip().lower())
    parts = system.split("/")
    if len(parts) > 3 or not all(_is_component(part) for part in parts):
        raise InvalidParameterError(
            f'"{text}" is an invalid OS/architecture: use os, architecture, or '
            "os/architecture[/variant], such as linux/arm64"
        )
    if len(parts) > 1:
        variant = parts[2] if len(parts) == 3 else ""
        return Platform(
            os=parts[0], architecture=parts[1], variant=variant, os_version=version
        ).normalized()
    return _parse_single(parts[0], text)


def _split_version(text: str) -> tuple[str, str]:
    """Take the version out of ``os(version)/architecture``, containerd's notation."""
    system, bracket, rest = text.partition("(")
    version, closed, behind = rest.partition(")")
    if not (bracket and closed and version) or "/" in system:
        return text, ""
    return system + behind, version


def _is_component(text: str) -> bool:
    return bool(text) and text.isascii() and text.replace("_", "").replace("-", "").isalnum()


def _parse_single(word: str, text: str) -> Platform:
    if word in _KNOWN_OS:
        return Platform(os=word, architecture=host_platform().architecture).normalized()
    candidate = Platform(os=host_platform().os, architecture=word).normalized()
    if candidate.architecture not in _KNOWN_ARCHITECTURES:
        raise InvalidParameterError(
            f'"{text}": unknown operating system or architecture: invalid argument'
        )
    return candidate


def rank(candidate: Platform, wanted: Platform) -> int | None:
    """Return how well a platform serves ``wanted``: 0 is best, None: not at all.

    A wanted version of the operating system must be the candidate's, down to the build (Windows'
    fourth number does not count); features that the candidate needs must be among those wanted.
    """
    candidate = candidate.normalized()
    wanted = wanted.normalized()
    if not (_has_version(candidate, wanted) and _has_features(candidate, wanted)):
        return None
    for place, acceptable in enumerate(_acceptable(wanted)):
        if (candidate.os, candidate.architecture, candidate.variant) == acceptable:
            return place
    return None


def _has_version(candidate: Platform, wanted: Platform) -> bool:
    if not (wanted.os_version and candidate.os_version):
        return True
    return candidate.os_version.split(".")[:3] == wanted.os_version.split(".")[:3]


def _has_features(candidate: Platform, wanted: Platform) -> bool:
    return not wanted.os_features or set(candidate.os_features) <= set(wanted.os_features)


def choose(candidates: Sequence[Platform], wanted: Platform) -> int | None:
    """Return the position of the best candidate; of equal ones the first; None: none fits."""
    best: tuple[int, int] | None = None
    for position, candidate in enumerate(candidates):
        place = rank(candidate, wanted)
        if place is not None and (best is None or (place, position) < best):
            best = (place, position)
    return best[1] if best else None


def _acceptable(wanted: Platform) -> list[tuple[str, str, str]]:
    """Return what a machine of a platform can run, best first."""
    if wanted.architecture == "arm" and wanted.variant in _ARM_VARIANTS:
        newest = _ARM_VARIANTS.index(wanted.variant)
        return [(wanted.os, "arm", variant) for variant in _ARM_VARIANTS[newest:]]
    exact = (wanted.os, wanted.architecture, wanted.variant)
    plain = (wanted.os, wanted.architecture, "")
    chain = [exact] if exact == plain else [exact, *_older_variants(wanted), plain]
    if wanted.architecture == "arm64":
        chain += [(wanted.os, "arm", variant) for variant in _ARM_VARIANTS]
    if wanted.architecture == "amd64":
        chain.append((wanted.os, "386", ""))
    return chain


def _older_variants(wanted: Platform) -> list[tuple[str, str, str]]:
    level = wanted.variant.removeprefix("v")
    if wanted.architecture != "amd64" or not level.isdigit():
        return []
    return [(wanted.os, "amd64", f"v{older}") for older in range(min(int(level), 9) - 1, 1, -1)]
