"""Servers and clients inside namespaces, without a process: sockets stay where they were opened."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from boxship.linux import netns

UNREACHABLE_AFTER_S = 2.0


@contextmanager
def _in(path: Path | str | None) -> Iterator[None]:
    if path is None:
        with nullcontext():
            yield
        return
    namespace = netns.open_pinned(Path(path))
    try:
        with netns.inside(namespace.fd):
            yield
    finally:
        namespace.close()


@contextmanager
def serve(
    path: Path | str | None, port: int = 80, kind: str = "tcp", text: str = "hello"
) -> Iterator[None]:
    """Answer every client inside a namespace with ``text`` and the client's address."""
    with _in(path):
        stream = kind == "tcp"
        sock = socket.socket(socket.AF_INET6, socket.SOCK_STREAM if stream else socket.SOCK_DGRAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            sock.bind(("::", port))
        except OSError:
            sock.close()
            sock = socket.socket(
                socket.AF_INET, socket.SOCK_STREAM if stream else socket.SOCK_DGRAM
            )
            sock.bind(("0.0.0.0", port))
    if stream:
        sock.listen()
    thread = threading.Thread(target=_serve_tcp if stream else _serve_udp, args=(sock, text))
    thread.start()
    try:
        yield
    finally:
        if stream:
            sock.shutdown(socket.SHUT_RDWR)
        else:
            _stop_udp(path, port)
        thread.join()
        sock.close()


def _serve_tcp(sock: socket.socket, text: str) -> None:
    while True:
        try:
            client, address = sock.accept()
        except OSError:
            return
        with client:
            client.sendall(f"{text} {_plain(address[0])}".encode())


def _serve_udp(sock: socket.socket, text: str) -> None:
    while True:
        data, address = sock.recvfrom(100)
        if data == b"stop":
            return
        sock.sendto(f"{text} {_plain(address[0])}".encode(), address)


def _stop_udp(path: Path | str | None, port: int) -> None:
    with _in(path), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.sendto(b"stop", ("127.0.0.1", port))


def _plain(address: str) -> str:
    return address.removeprefix("::ffff:")


def ask(path: Path | str | None, address: str, port: int = 80, kind: str = "tcp") -> str:
    """Return what a server says to a client inside a namespace; empty when it is unreachable."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with _in(path):
        client = socket.socket(family, socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM)
    with client:
        client.settimeout(UNREACHABLE_AFTER_S)
        try:
            client.connect((address, port))
            if kind == "udp":
                client.send(b"?")
            return client.recv(100).decode()
        except OSError:
            return ""
