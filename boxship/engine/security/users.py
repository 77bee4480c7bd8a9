"""Users and groups by the files of a container's own root file system (passwd(5), group(5))."""

import os
from collections.abc import Iterator
from dataclasses import dataclass

from boxship.errors import InvalidParameterError
from boxship.linux.openat2 import open_in_root
from boxship.units import natural

MAX_ID = (1 << 31) - 1
_FILE_LIMIT = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Identity:
    """Numbers of the user that a process runs as."""

    uid: int
    gid: int
    additional_gids: tuple[int, ...] = ()
    home: str = "/"


def lookup(root: str, user: str, additional_groups: tuple[str, ...] = ()) -> Identity:
    """Resolve ``[user|uid][:group|gid]`` as Docker does.

    A name must be in the files; a number need not. Without a group, the user's own and those that
    list the user are taken. Raises InvalidParameterError in Docker's words.
    """
    name, _, group = user.partition(":")
    if not group and not additional_groups and name in ("", "0", "root"):
        entry = _find_user(root, name)
        gids = _memberships(root, entry[0]) if entry else ()
        return Identity(0, entry[2] if entry else 0, gids, entry[3] if entry else "/root")
    uid, primary, home, login = _user(root, name)
    gids = () if group else _memberships(root, login)
    gid = _group(root, group) if group else primary
    extra = tuple(_group(root, one) for one in additional_groups)
    return Identity(uid, gid, tuple(dict.fromkeys(gids + extra)), home)


def _user(root: str, name: str) -> tuple[int, int, str, str]:
    entry = _find_user(root, name)
    if entry is not None:
        return entry[1], entry[2], entry[3], entry[0]
    if name in ("", "root"):
        return 0, 0, "/root", "root"
    if not name.isdecimal():
        raise InvalidParameterError(
            f"unable to find user {name}: no matching entries in passwd file"
        )
    return _number(name), 0, "/", ""


def _find_user(root: str, name: str) -> tuple[str, int, int, str] | None:
    wanted = name or "0"
    for fields in _entries(root, "etc/passwd"):
        if len(fields) < 4 or (fields[0] != wanted and fields[2] != wanted):
            continue
        uid, gid = natural(fields[2]), natural(fields[3])
        if uid is not None and gid is not None:
            home = fields[5] if len(fields) > 5 and fields[5] else "/"
            return fields[0], uid, gid, home
    return None


def _group(root: str, name: str) -> int:
    for fields in _entries(root, "etc/group"):
        if len(fields) > 2 and name in (fields[0], fields[2]):
            gid = natural(fields[2])
            if gid is not None:
                return gid
    if not name.isdecimal():
        raise InvalidParameterError(
            f"unable to find group {name}: no matching entries in group file"
        )
    return _number(name)


def _memberships(root: str, login: str) -> tuple[int, ...]:
    if not login:
        return ()
    return tuple(
        gid
        for fields in _entries(root, "etc/group")
        if len(fields) > 3 and login in fields[3].split(",")
        if (gid := natural(fields[2])) is not None
    )


def _number(text: str) -> int:
    number = natural(text)
    if number is None or number > MAX_ID:
        raise InvalidParameterError(f"uids and gids must be in range 0-{MAX_ID}")
    return number


def _entries(root: str, path: str) -> Iterator[list[str]]:
    try:
        descriptor = open_in_root(root, path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return
    with open(descriptor, "rb") as file:
        text = file.read(_FILE_LIMIT).decode(errors="replace")
    for line in text.splitlines():
        if line and not line.startswith("#"):
            yield line.strip().split(":")
