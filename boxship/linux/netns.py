"""Network namespaces that live as pinned files (network_namespaces(7), ip-netns(8)).

A namespace exists as long as a process, a mount or a file descriptor holds it. Ours are held by a
bind mount of the namespace's file, so that they outlive the process that made them.
"""

import ctypes
import os
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from boxship.linux import mount
from boxship.linux.netlink.link import LinkSettings, set_link
from boxship.linux.netlink.socket import RouteSocket
from boxship.linux.syscalls import function

CLONE_NEWNET = 0x40000000
OWN_NAMESPACE = "/proc/thread-self/ns/net"
LOOPBACK_INDEX = 1
_QUIET_S = 0.03

_setns = function("setns", ctypes.c_int, ctypes.c_int)
_unshare = function("unshare", ctypes.c_int)
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class NetworkNamespace:
    """An open namespace: its pin, a descriptor, and a routing socket that speaks inside it."""

    path: Path
    fd: int
    routes: RouteSocket

    def close(self) -> None:
        """Close the descriptors; the pinned namespace lives on."""
        self.routes.close()
        os.close(self.fd)


@contextmanager
def inside(fd: int) -> Iterator[None]:
    """Let the calling thread act inside a namespace. The block must not await.

    Only this thread moves: setns(2) is per thread. Sockets opened in the block stay inside.
    """
    own = os.open(OWN_NAMESPACE, os.O_RDONLY | os.O_CLOEXEC)
    try:
        _setns(fd, CLONE_NEWNET)
        try:
            yield
        finally:
            _setns(own, CLONE_NEWNET)
    finally:
        os.close(own)


def create(path: Path, prepare: Callable[[], None]) -> NetworkNamespace:
    """Make a namespace with ``lo`` up, run ``prepare`` inside it, pin it at ``path`` [blocking].

    The work is done by a thread of its own, which ends with the namespace it was moved into.
    """

    def work() -> NetworkNamespace:
        _unshare(CLONE_NEWNET)
        routes = RouteSocket()
        try:
            routes.request([set_link(LinkSettings(up=True), LOOPBACK_INDEX)])
            prepare()
            _pin(path)
        except BaseException:
            routes.close()
            raise
        return NetworkNamespace(path, _open(path), routes)

    return _in_thread(work)


def open_pinned(path: Path) -> NetworkNamespace:
    """Open a namespace that was pinned before. Raises OSError when there is none at ``path``."""
    fd = _open(path)
    try:
        with inside(fd):
            routes = RouteSocket()
    except OSError:
        os.close(fd)
        raise
    return NetworkNamespace(path, fd, routes)


def unpin(path: Path) -> None:
    """Let go of a pinned namespace; one that is gone already is no error.

    The namespace ends when its last process and descriptor are gone too.
    """
    with suppress(OSError):
        mount.unmount(path, mount.MNT_DETACH)
    path.unlink(missing_ok=True)


def _open(path: Path) -> int:
    return os.open(path, os.O_RDONLY | os.O_CLOEXEC)


def _pin(path: Path) -> None:
    path.touch(mode=0o444, exist_ok=False)
    try:
        mount.bind(OWN_NAMESPACE, path)
    except OSError:
        path.unlink()
        raise


def _in_thread(work: Callable[[], _T]) -> _T:
    results: list[_T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run, name="netns")
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]


class NamespacePool:
    """Namespaces made ahead of need, so that nobody waits for the kernel's half millisecond."""

    def __init__(self, directory: Path, size: int, prepare: Callable[[], None]) -> None:
        """``prepare`` runs inside each new namespace; ``size`` are kept ready in ``directory``."""
        self._directory = directory
        self._size = size
        self._prepare = prepare
        self._ready: deque[NetworkNamespace] = deque()
        self._wanted = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._refill, name="netns-pool", daemon=True)
        self._thread.start()

    def take(self) -> NetworkNamespace:
        """Return a fresh namespace; the caller owns it. Made on the spot when none is ready."""
        with self._wanted:
            self._wanted.notify()
            if self._ready:
                return self._ready.popleft()
        return self._create()

    def close(self) -> None:
        """End the refilling and remove the namespaces nobody took."""
        with self._wanted:
            self._closed = True
            self._wanted.notify()
        self._thread.join()
        while self._ready:
            namespace = self._ready.popleft()
            namespace.close()
            unpin(namespace.path)

    def _create(self) -> NetworkNamespace:
        return create(self._directory / os.urandom(6).hex(), self._prepare)

    def _refill(self) -> None:
        while True:
            with self._wanted:
                self._wanted.wait_for(lambda: self._closed or len(self._ready) < self._size)
                # Making one takes locks that the taker's next steps need: let it get on, unless
                # the pool is running dry.
                while len(self._ready) > self._size // 2 and self._wanted.wait(_QUIET_S):
                    if self._closed:
                        break
                if self._closed:
                    return
            try:
                namespace = self._create()
            except OSError:
                # Out of memory or descriptors: take() meets the same error and reports it.
                with self._wanted:
                    self._wanted.wait()
                continue
            with self._wanted:
                self._ready.append(namespace)
