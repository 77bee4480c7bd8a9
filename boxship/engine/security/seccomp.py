"""Seccomp profiles: Docker's conditional form resolved into the OCI runtime's plain one.

A profile file (moby's profiles/seccomp, containers/common) says of some rules that they hold only
on certain architectures, with certain capabilities or from a kernel version on. An OCI runtime
knows no conditions.
"""

import functools
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from boxship.errors import InvalidParameterError, NotSupportedError

DEFAULT_PROFILE = Path("/usr/share/containers/seccomp.json")
UNCONFINED = "unconfined"

_MACHINES = {
    "x86_64": ("amd64", "SCMP_ARCH_X86_64"),
    "aarch64": ("arm64", "SCMP_ARCH_AARCH64"),
    "armv7l": ("arm", "SCMP_ARCH_ARM"),
    "i686": ("x86", "SCMP_ARCH_X86"),
    "ppc64le": ("ppc64le", "SCMP_ARCH_PPC64LE"),
    "riscv64": ("riscv64", "SCMP_ARCH_RISCV64"),
    "s390x": ("s390x", "SCMP_ARCH_S390X"),
}
_COPIED = ("flags", "listenerPath", "listenerMetadata", "defaultErrnoRet")


def resolve(profile: str, capabilities: Sequence[str]) -> Mapping[str, Any] | None:
    """Return the ``linux.seccomp`` object of config.json, or None for no filter at all.

    ``profile`` is empty for the default, ``unconfined``, or the JSON text of a profile. Raises
    InvalidParameterError for a text that is no profile.
    """
    if profile == UNCONFINED:
        return None
    return _resolve(profile, frozenset(capabilities))


@functools.lru_cache(maxsize=64)
def _resolve(profile: str, capabilities: frozenset[str]) -> Mapping[str, Any]:
    machine = os.uname()
    document = _parse(profile) if profile else _default()
    return plain(document, capabilities, machine.machine, _version(machine.release))


@functools.lru_cache(maxsize=1)
def _default() -> Mapping[str, Any]:
    try:
        return _parse(DEFAULT_PROFILE.read_text())
    except FileNotFoundError:
        raise NotSupportedError(
            f"the default seccomp profile {DEFAULT_PROFILE} is missing: install the package"
            " golang-github-containers-common, or run with --security-opt seccomp=unconfined"
        ) from None


def _parse(text: str) -> Mapping[str, Any]:
    try:
        document = json.loads(text)
    except ValueError as error:
        raise InvalidParameterError(f"Decoding seccomp profile failed: {error}") from error
    if not isinstance(document, dict) or not document.get("defaultAction"):
        raise InvalidParameterError("Decoding seccomp profile failed: it has no defaultAction")
    return document


def plain(
    document: Mapping[str, Any],
    capabilities: frozenset[str],
    machine: str,
    kernel: tuple[int, int],
) -> Mapping[str, Any]:
    """Resolve a parsed profile for a machine (as uname says), kernel version and capabilities."""
    arch, native = _MACHINES.get(machine, (machine, ""))
    result: dict[str, Any] = {
        "defaultAction": document["defaultAction"],
        "architectures": _architectures(document, native),
        "syscalls": [
            _rule(rule)
            for rule in document.get("syscalls") or ()
            if _holds(rule, arch, capabilities, kernel)
        ],
    }
    result.update((key, document[key]) for key in _COPIED if document.get(key) is not None)
    return result


def _architectures(document: Mapping[str, Any], native: str) -> list[str]:
    if document.get("architectures"):
        return list(document["architectures"])
    for entry in document.get("archMap") or ():
        if entry.get("architecture") == native:
            return [native, *(entry.get("subArchitectures") or ())]
    return [native] if native else []


def _holds(
    rule: Mapping[str, Any], arch: str, capabilities: frozenset[str], kernel: tuple[int, int]
) -> bool:
    includes, excludes = rule.get("includes") or {}, rule.get("excludes") or {}
    if includes.get("arches") and arch not in includes["arches"]:
        return False
    if not capabilities.issuperset(includes.get("caps") or ()):
        return False
    if includes.get("minKernel") and kernel < _version(includes["minKernel"]):
        return False
    if arch in (excludes.get("arches") or ()):
        return False
    if capabilities.intersection(excludes.get("caps") or ()):
        return False
    return not (excludes.get("minKernel") and kernel >= _version(excludes["minKernel"]))


def _rule(rule: Mapping[str, Any]) -> dict[str, Any]:
    names = list(rule.get("names") or ())
    if rule.get("name"):
        names.append(rule["name"])
    plain_rule: dict[str, Any] = {"names": names, "action": rule["action"]}
    if rule.get("errnoRet") is not None:
        plain_rule["errnoRet"] = rule["errnoRet"]
    if rule.get("args"):
        plain_rule["args"] = rule["args"]
    return plain_rule


def _version(release: str) -> tuple[int, int]:
    numbers = release.split("-")[0].split(".")
    try:
        return int(numbers[0]), int(numbers[1]) if len(numbers) > 1 else 0
    except ValueError:
        raise InvalidParameterError(f"invalid kernel version {release!r} in seccomp profile") from (
            None
        )
