"""Telling those who wait that the daemon is ready: a service manager, a parent's pipe."""

import os
import socket
import time


def notify(message: str) -> None:
    """Send ``READY=1`` or the like to the service manager, if there is one (sd_notify(3))."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        try:
            sock.sendto(message.encode(), address)
        except OSError:
            return  # a manager that does not listen has no use for the news


def notify_reloading() -> None:
    """Announce a reload, as ``Type=notify-reload`` wants it; ``READY=1`` ends it."""
    notify(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")


def write_ready_fd(descriptor: int) -> None:
    """Write a line to the pipe of the parent that waits for us, and close it."""
    if descriptor < 0:
        return
    try:
        os.write(descriptor, b"1\n")
        os.close(descriptor)
    except OSError:
        return  # the parent has left; we stay
