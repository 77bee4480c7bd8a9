"""What a base image is made of."""

import re
from dataclasses import dataclass

from boxship.errors import InvalidParameterError, NotFoundError
from boxship.oci.platform import Platform, host_platform, parse_platform

DISTRIBUTIONS = ("busybox", "debian", "ubuntu")
VARIANTS = ("minbase", "essential", "custom")
"""minbase: required packages and apt; essential: what Debian calls so; custom: named ones only."""
_SUITE = re.compile(r"[a-z][a-z0-9.-]*")
_PACKAGE = re.compile(r"[a-z0-9][a-z0-9+.-]+(=[A-Za-z0-9.+:~-]+)?")
_MIRROR = re.compile(r"(https?|file|ftp)://?\S+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """A request, checked."""

    distribution: str
    suite: str = ""
    platforms: tuple[Platform, ...]
    packages: tuple[str, ...] = ()
    variant: str = "minbase"
    mirror: str = ""
    """URL of the package source; empty: the one that the host's apt uses."""
    components: tuple[str, ...] = ()
    """Empty: those of the host's source."""
    epoch: int | None = None
    """Seconds since 1970; later times of files become this one. None: that of the newest file."""
    changes: tuple[str, ...] = ()
    """Dockerfile instructions for the configuration."""

    @property
    def title(self) -> str:
        """``debian:bookworm``"""
        return f"{self.distribution}:{self.suite}" if self.suite else self.distribution


def make_recipe(
    source: str,
    *,
    platforms: list[str],
    packages: list[str],
    variant: str = "",
    mirror: str = "",
    components: list[str],
    epoch: int | None = None,
    changes: list[str],
) -> Recipe:
    """Check a request. Raises NotFoundError, InvalidParameterError, saying what there is."""
    distribution, _, suite = source.partition(":")
    if distribution not in DISTRIBUTIONS:
        raise NotFoundError(
            f"no distribution {distribution or source!r}: there are {', '.join(DISTRIBUTIONS)}"
        )
    recipe = Recipe(
        distribution=distribution,
        suite=suite,
        platforms=tuple(parse_platform(text) for text in platforms) or (host_platform(),),
        packages=tuple(sorted(set(packages))),
        variant=variant or "minbase",
        mirror=mirror,
        components=tuple(components),
        epoch=epoch,
        changes=tuple(changes),
    )
    _check(recipe)
    return recipe


def _check(recipe: Recipe) -> None:
    if recipe.distribution == "busybox":
        _check_busybox(recipe)
    elif not _SUITE.fullmatch(recipe.suite):
        raise InvalidParameterError(
            f"name a release of {recipe.distribution}, for example {recipe.distribution}:bookworm"
        )
    if recipe.variant not in VARIANTS:
        raise InvalidParameterError(
            f"no variant {recipe.variant!r}: there are {', '.join(VARIANTS)}"
        )
    for package in recipe.packages:
        if not _PACKAGE.fullmatch(package):
            raise InvalidParameterError(f"{package!r} is no name of a package")
    if recipe.variant == "custom" and not recipe.packages:
        raise InvalidParameterError("the variant custom has only named packages: name some")
    if recipe.mirror and not _MIRROR.fullmatch(recipe.mirror):
        raise InvalidParameterError(f"{recipe.mirror!r} is no URL of a package source")
    if recipe.epoch is not None and recipe.epoch < 0:
        raise InvalidParameterError(f"the epoch {recipe.epoch} is before 1970")
    for platform in recipe.platforms:
        debian_architecture(platform)


def _check_busybox(recipe: Recipe) -> None:
    if recipe.suite not in ("", "latest"):
        raise NotFoundError(f"no busybox:{recipe.suite}: there is the one that apt has")
    if recipe.packages:
        raise InvalidParameterError("busybox has no packages: bootstrap debian with some instead")


_DEBIAN = {
    "amd64": "amd64",
    "arm64": "arm64",
    "386": "i386",
    "arm/v7": "armhf",
    "arm": "armhf",
    "arm/v6": "armel",
    "arm/v5": "armel",
    "ppc64le": "ppc64el",
    "s390x": "s390x",
    "riscv64": "riscv64",
    "mips64le": "mips64el",
}


def debian_architecture(platform: Platform) -> str:
    """Return Debian's name of a platform. Raises InvalidParameterError where it has none."""
    wanted = platform.normalized()
    full = f"{wanted.architecture}/{wanted.variant}" if wanted.variant else wanted.architecture
    found = _DEBIAN.get(full) or _DEBIAN.get(wanted.architecture)
    if wanted.os != "linux" or not found:
        raise InvalidParameterError(
            f"no packages for {platform.text}: there are linux/{', linux/'.join(_DEBIAN)}"
        )
    return found
