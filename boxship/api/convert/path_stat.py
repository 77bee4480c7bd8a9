"""What a path in a container is, as the header X-Docker-Container-Path-Stat says it."""

import base64
import stat
from typing import Final

import msgspec

from boxship.api.convert.times import timestamp
from boxship.api.schema.containers import PathStat as PathStatJson
from boxship.engine.containers.archive import PathStat

_GO_TYPE_BITS: Final = {
    stat.S_IFDIR: 1 << 31,
    stat.S_IFLNK: 1 << 27,
    stat.S_IFBLK: 1 << 26,
    stat.S_IFIFO: 1 << 25,
    stat.S_IFSOCK: 1 << 24,
    stat.S_IFCHR: 1 << 26 | 1 << 21,
}
_GO_FLAG_BITS: Final = {stat.S_ISUID: 1 << 23, stat.S_ISGID: 1 << 22, stat.S_ISVTX: 1 << 20}


def path_stat_header(path: PathStat) -> tuple[str, str]:
    """Return the header: base64 of a JSON document."""
    document = PathStatJson(
        name=path.name,
        size=path.size,
        mode=go_file_mode(path.mode),
        mtime=timestamp(path.mtime_ns),
        link_target=path.link_target,
    )
    return (
        "X-Docker-Container-Path-Stat",
        base64.b64encode(msgspec.json.encode(document)).decode("ascii"),
    )


def go_file_mode(mode: int) -> int:
    """Turn st_mode into the bits of Go's os.FileMode."""
    result = mode & 0o777 | _GO_TYPE_BITS.get(stat.S_IFMT(mode), 0)
    for flag, bit in _GO_FLAG_BITS.items():
        if mode & flag:
            result |= bit
    return result
