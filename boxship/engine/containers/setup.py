"""Bringing a container up: root file system, networks, mounts, then the task."""

from dataclasses import replace

from boxship.engine.containers import image_mounts, links, networking, shared
from boxship.engine.containers.container import Container
from boxship.engine.containers.context import Context
from boxship.engine.containers.workloads import build_workload
from boxship.engine.logs.limits import log_limits
from boxship.engine.runtime.task import TaskHandle, TaskSpec


async def launch(context: Context, container: Container) -> TaskHandle:
    """Start the container's task; the caller undoes a failure with ``teardown.release``."""
    context.files_dir(container.id).mkdir(parents=True, exist_ok=True, mode=0o710)
    context.bundle_dir(container.id).mkdir(parents=True, exist_ok=True, mode=0o700)
    rootfs = context.storage.mount_container(container.id, volatile=container.host.auto_remove)
    links.check_running(context, container)
    wanted = networking.sandbox_spec(context, container)
    sandbox = await context.networks.attach(
        replace(wanted, endpoints=links.endpoints(context, container))
    )
    await _mount_volumes(context, container)
    shared.mount_shm(context, container)
    await image_mounts.mount_images(context, container)
    spec = task_spec(context, container)
    workload = build_workload(context, container, rootfs, sandbox)
    handle = await context.runtime.create(spec, workload)
    # From here on it is a process that a next engine must find again.
    context.write_state(container, task=handle)
    try:
        await context.runtime.start(container.id)
    except BaseException:
        await context.runtime.delete(container.id)
        raise
    return handle


async def _mount_volumes(context: Context, container: Container) -> None:
    for point in container.mounts:
        if point.type == "volume":
            await context.volumes.attach(
                point.name,
                container.id,
                destination=point.destination,
                read_write=point.read_write,
                propagation=point.propagation,
            )


def task_spec(context: Context, container: Container) -> TaskSpec:
    """Return how the container's task is supervised."""
    config = container.config
    limits = log_limits(container.host.log_opts)
    return TaskSpec(
        id=container.id,
        bundle=context.bundle_dir(container.id),
        runtime=container.runtime,
        terminal=config.tty,
        open_stdin=config.open_stdin,
        stdin_once=config.stdin_once,
        log_path=None if container.host.log_driver == "none" else context.log_path(container.id),
        log_max_bytes=limits.max_bytes,
        log_max_files=limits.max_files,
    )
