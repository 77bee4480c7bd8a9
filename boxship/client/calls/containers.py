"""Operations on containers."""

from boxship.client.core import Call, encode_filters, quote

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    Json = Mapping[str, Any]
    Filters = Mapping[str, list[str]]


def _path(ref: str, tail: str = "") -> str:
    return f"/containers/{quote(ref)}{tail}"


def container_list(
    *,
    all: bool = False,  # noqa: A002 - the API's own word
    limit: int | None = None,
    size: bool = False,
    filters: "Filters | None" = None,
) -> Call:
    """Containers as a JSON list. limit: the newest n, of any state."""
    query = {
        "all": all or None,
        "limit": limit,
        "size": size or None,
        "filters": encode_filters(filters),
    }
    return Call("GET", "/containers/json", query)


def container_create(body: "Json", *, name: str = "", platform: str = "") -> Call:
    """Create; answers ``{"Id", "Warnings"}``. body: Config with HostConfig, NetworkingConfig."""
    query = {"name": name or None, "platform": platform or None}
    return Call("POST", "/containers/create", query, json=body)


def container_inspect(ref: str, *, size: bool = False) -> Call:
    """One container as a JSON document."""
    return Call("GET", _path(ref, "/json"), {"size": size or None})


def container_start(
    ref: str, *, detach_keys: str = "", checkpoint: str = "", checkpoint_dir: str = ""
) -> Call:
    """Start; harmless when it runs."""
    query = {
        "detachKeys": detach_keys or None,
        "checkpoint": checkpoint or None,
        "checkpoint-dir": checkpoint_dir or None,
    }
    return Call("POST", _path(ref, "/start"), query)


def container_stop(ref: str, *, signal: str = "", timeout_s: int | None = None) -> Call:
    """Stop. timeout_s: seconds before SIGKILL, -1 for never, None for the container's own."""
    return Call("POST", _path(ref, "/stop"), {"signal": signal or None, "t": timeout_s})


def container_restart(ref: str, *, signal: str = "", timeout_s: int | None = None) -> Call:
    """Stop and start."""
    return Call("POST", _path(ref, "/restart"), {"signal": signal or None, "t": timeout_s})


def container_kill(ref: str, signal: str = "") -> Call:
    """Send a signal, SIGKILL unless named."""
    return Call("POST", _path(ref, "/kill"), {"signal": signal or None})


def container_pause(ref: str) -> Call:
    """Freeze all processes."""
    return Call("POST", _path(ref, "/pause"))


def container_unpause(ref: str) -> Call:
    """Thaw all processes."""
    return Call("POST", _path(ref, "/unpause"))


def container_wait(ref: str, condition: str = "not-running") -> Call:
    """Answers ``{"StatusCode"}`` once the condition (not-running, next-exit, removed) holds."""
    return Call("POST", _path(ref, "/wait"), {"condition": condition})


def container_remove(
    ref: str, *, volumes: bool = False, force: bool = False, link: bool = False
) -> Call:
    """Remove. volumes: its anonymous volumes too. force: kill it first."""
    query = {"v": volumes or None, "force": force or None, "link": link or None}
    return Call("DELETE", _path(ref), query)


def container_rename(ref: str, name: str) -> Call:
    """Give another name."""
    return Call("POST", _path(ref, "/rename"), {"name": name})


def container_update(ref: str, body: "Json") -> Call:
    """Change resources and restart policy; answers ``{"Warnings"}``."""
    return Call("POST", _path(ref, "/update"), json=body)


def container_resize(ref: str, *, rows: int, columns: int) -> Call:
    """Set the terminal's size."""
    return Call("POST", _path(ref, "/resize"), {"h": rows, "w": columns})


def container_top(ref: str, ps_args: str = "") -> Call:
    """Processes; answers ``{"Titles", "Processes"}``."""
    return Call("GET", _path(ref, "/top"), {"ps_args": ps_args or None})


def container_stats(ref: str, *, stream: bool, one_shot: bool = False) -> Call:
    """Resource use, one JSON document a second."""
    return Call("GET", _path(ref, "/stats"), {"stream": stream, "one-shot": one_shot or None})


def container_changes(ref: str) -> Call:
    """Changed paths as a list of ``{"Path", "Kind"}``; null for none."""
    return Call("GET", _path(ref, "/changes"))


def container_export(ref: str) -> Call:
    """The file system as a tar stream."""
    return Call("GET", _path(ref, "/export"))


def container_attach(
    ref: str,
    *,
    stdin: bool,
    stdout: bool,
    stderr: bool,
    logs: bool = False,
    detach_keys: str = "",
) -> Call:
    """Hijack a stream to the main process. logs: send what it wrote before, first."""
    query = {
        "stream": True,
        "stdin": stdin or None,
        "stdout": stdout or None,
        "stderr": stderr or None,
        "logs": logs or None,
        "detachKeys": detach_keys or None,
    }
    return Call("POST", _path(ref, "/attach"), query, upgrade=True)


def container_logs(
    ref: str,
    *,
    follow: bool = False,
    since: str = "",
    until: str = "",
    timestamps: bool = False,
    tail: str = "",
    details: bool = False,
) -> Call:
    """Log stream; multiplexed unless the container has a terminal. since: Unix seconds."""
    query = {
        "stdout": True,
        "stderr": True,
        "follow": follow or None,
        "since": since or None,
        "until": until or None,
        "timestamps": timestamps or None,
        "tail": tail or None,
        "details": details or None,
    }
    return Call("GET", _path(ref, "/logs"), query)


def container_archive_stat(ref: str, path: str) -> Call:
    """Header ``X-Docker-Container-Path-Stat``: base64 of a JSON document about one path."""
    return Call("HEAD", _path(ref, "/archive"), {"path": path})


def container_archive_get(ref: str, path: str) -> Call:
    """A path as a tar stream."""
    return Call("GET", _path(ref, "/archive"), {"path": path})


def container_archive_put(
    ref: str,
    path: str,
    tar: "Iterable[bytes]",
    *,
    no_overwrite_dir_non_dir: bool = True,
    copy_owner: bool = False,
) -> Call:
    """Unpack a tar stream into a directory."""
    query = {
        "path": path,
        "noOverwriteDirNonDir": no_overwrite_dir_non_dir or None,
        "copyUIDGID": copy_owner or None,
    }
    return Call("PUT", _path(ref, "/archive"), query, body=tar)


def container_prune(filters: "Filters | None" = None) -> Call:
    """Remove stopped ones; answers ``{"ContainersDeleted", "SpaceReclaimed"}``."""
    return Call("POST", "/containers/prune", {"filters": encode_filters(filters)})


def container_commit(
    ref: str,
    *,
    repo: str,
    tag: str,
    comment: str,
    author: str,
    pause: bool,
    changes: list[str],
) -> Call:
    """Make an image of it; answers ``{"Id"}``."""
    query = {
        "container": ref,
        "repo": repo or None,
        "tag": tag or None,
        "comment": comment or None,
        "author": author or None,
        "pause": pause,
        "changes": changes,
    }
    return Call("POST", "/commit", query)
