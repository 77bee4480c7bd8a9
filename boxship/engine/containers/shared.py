"""What containers share: the namespaces and the /dev/shm of another one (``container:NAME``)."""

from contextlib import suppress
from pathlib import Path

from boxship.engine.containers.container import Container, Status
from boxship.engine.containers.context import Context
from boxship.errors import ConflictError, InvalidParameterError
from boxship.linux import mount

_JOIN = "container:"


def namespace(context: Context, mode: str, kind: str) -> str:
    """Return ``private``, ``host`` or the path of another container's namespace.

    Raises ConflictError where that one does not run, NotFoundError without it.
    """
    if mode == "host":
        return "host"
    if not mode.startswith(_JOIN):
        return "private"
    return f"/proc/{_joined(context, mode, kind).state.pid}/ns/{kind}"


def ipc_mode(context: Context, container: Container) -> str:
    """Return how a container shares its interprocess communication (Docker's IpcMode)."""
    return container.host.ipc_mode or context.config.containers.ipc_mode


def shm_source(context: Context, container: Container) -> Path | None:
    """Return where the host has the container's /dev/shm; None: it is in the container alone.

    Raises InvalidParameterError where the container it wants to share with does not share.
    """
    wanted = ipc_mode(context, container)
    if wanted == "shareable":
        return _shm_path(context, container)
    if not wanted.startswith(_JOIN):
        return None
    donor = _joined(context, wanted, "ipc")
    source = shm_source(context, donor)
    if source is None:
        raise InvalidParameterError(
            f"container {donor.id}: non-shareable IPC "
            "(hint: use IpcMode:shareable for the donor container)"
        )
    return source


def mount_shm(context: Context, container: Container) -> None:
    """Make the /dev/shm of a container that shares it."""
    if ipc_mode(context, container) != "shareable":
        return
    path = _shm_path(context, container)
    path.mkdir(mode=0o700, exist_ok=True)
    flags = mount.MS_NOSUID | mount.MS_NODEV | mount.MS_NOEXEC
    mount.mount("shm", path, "tmpfs", flags, f"mode=1777,size={container.host.shm_size}")


def unmount_shm(context: Context, container: Container) -> None:
    """Undo ``mount_shm``; those who share it keep what they have. Harmless without it."""
    with suppress(OSError):
        mount.unmount(_shm_path(context, container), mount.MNT_DETACH)


def _shm_path(context: Context, container: Container) -> Path:
    return context.bundle_dir(container.id) / "shm"


def _joined(context: Context, mode: str, kind: str) -> Container:
    target = context.store.get(mode.removeprefix(_JOIN))
    if target.state.status is Status.RESTARTING:
        raise ConflictError(
            f"Container {target.id} is restarting, wait until the container is running"
        )
    if not target.state.pid:
        raise ConflictError(
            f"cannot join {kind.upper()} of a non running container: {target.name} is "
            f"{target.state.status}; start it first"
        )
    return target
