"""The registry of one's own beside Debian's docker-registry: pulls and pushes of large blobs.

    python bench/registry.py [--size-mib 1024] [--clients 3] [--directory DIR]

Clients are curl, so that they cost little; both registries keep their data on the same file system
and run one after the other. Prints a table: the best and the median of the runs, and the largest
resident memory of the server.
"""

import argparse
import hashlib
import http.client
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

MIB = 1024 * 1024
REPOSITORY = Path(__file__).resolve().parents[1]
_START_S = 20.0


@dataclass
class Row:
    """The figures of one registry: seconds of each run, and MiB."""

    name: str
    pulls: list[float] = field(default_factory=list)
    pushes: list[float] = field(default_factory=list)
    rss_mib: float = 0.0


class Server:
    """A registry process on a free port."""

    def __init__(self, command: Callable[[int], list[str]]) -> None:
        self.port = _free_port()
        self._process = subprocess.Popen(
            command(self.port), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self._wait()

    def _wait(self) -> None:
        deadline = time.monotonic() + _START_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
            except OSError:
                if time.monotonic() > deadline or self._process.poll() is not None:
                    raise
                time.sleep(0.02)
            else:
                return

    def peak_mib(self) -> float:
        """Largest resident memory so far."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024

    def stop(self) -> None:
        """End the process."""
        self._process.terminate()
        self._process.wait(30)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def own(root: Path) -> Callable[[int], list[str]]:
    """The command of our registry."""

    def command(port: int) -> list[str]:
        program = [sys.executable, "-m", "boxship.entrypoints.registry", "serve"]
        return [*program, f"--root={root}", f"--addr=127.0.0.1:{port}"]

    return command


def debian(root: Path) -> Callable[[int], list[str]]:
    """The command of docker-registry, installed or unpacked by `make test`."""
    unpacked = REPOSITORY / ".tools/docker-registry/usr/bin/docker-registry"
    program = shutil.which("docker-registry") or str(unpacked)

    def command(port: int) -> list[str]:
        root.mkdir(parents=True, exist_ok=True)
        config = root / "config.yml"
        config.write_text(
            '{"version": "0.1", "log": {"level": "error", "accesslog": {"disabled": true}},'
            f' "storage": {{"filesystem": {{"rootdirectory": "{root}/data"}}}},'
            f' "http": {{"addr": "127.0.0.1:{port}"}}}}'
        )
        return [program, "serve", str(config)]

    return command


def make_blob(path: Path, size: int) -> str:
    """Write random bytes; return their digest."""
    hasher = hashlib.sha256()
    with path.open("wb") as file:
        for _ in range(0, size, MIB):
            data = os.urandom(MIB)
            hasher.update(data)
            file.write(data)
    return f"sha256:{hasher.hexdigest()}"


def push(port: int, name: str, path: Path, digest: str) -> None:
    """Push as docker does: one PATCH in chunks, then PUT."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
    connection.request("POST", f"/v2/{name}/blobs/uploads/", b"")
    location = _answer(connection, 202)
    patch = ["curl", "-sf", "-X", "PATCH", "-T", str(path), "-D", "-", "-o", "/dev/null"]
    headers = ["-H", "Transfer-Encoding: chunked", "-H", "Expect:"]
    located = subprocess.run(
        [*patch, *headers, _absolute(port, location)],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    location = next(
        line.split(":", 1)[1].strip()
        for line in located.splitlines()
        if line.lower().startswith("location:")
    )
    target = _absolute(port, location).partition(f":{port}")[2]
    separator = "&" if "?" in target else "?"
    connection.request("PUT", f"{target}{separator}digest={digest}", b"")
    _answer(connection, 201)
    connection.close()


def _answer(connection: http.client.HTTPConnection, status: int) -> str:
    answer = connection.getresponse()
    text = answer.read()
    if answer.status != status:
        raise RuntimeError(f"{answer.status} {text!r}")
    return answer.getheader("Location") or ""


def _absolute(port: int, location: str) -> str:
    return location if "://" in location else f"http://127.0.0.1:{port}{location}"


def pull_together(port: int, name: str, digest: str, clients: int) -> float:
    """Seconds until all clients have the blob."""
    url = f"http://127.0.0.1:{port}/v2/{name}/blobs/{digest}"
    started = time.perf_counter()
    running = [subprocess.Popen(["curl", "-sf", "-o", "/dev/null", url]) for _ in range(clients)]
    statuses = [process.wait() for process in running]
    if any(statuses):
        raise RuntimeError("a pull failed")
    return time.perf_counter() - started


@contextmanager
def _served(command: Callable[[int], list[str]]) -> Iterator[Server]:
    server = Server(command)
    try:
        yield server
    finally:
        server.stop()


def measure(
    name: str, make: Callable[[Path], Callable[[int], list[str]]], options: argparse.Namespace
) -> Row:
    """Run everything against one registry."""
    row = Row(name)
    with tempfile.TemporaryDirectory(dir=options.directory, prefix="bench-registry-") as place:
        blob = Path(place) / "blob"
        for number in range(options.runs):
            digest = make_blob(blob, options.size_mib * MIB)
            os.sync()
            with _served(make(Path(place) / f"root{number}")) as server:
                started = time.perf_counter()
                push(server.port, "bench/large", blob, digest)
                row.pushes.append(time.perf_counter() - started)
                row.pulls.append(pull_together(server.port, "bench/large", digest, options.clients))
                row.rss_mib = max(row.rss_mib, server.peak_mib())
            shutil.rmtree(Path(place) / f"root{number}")
    return row


def table(rows: list[Row], options: argparse.Namespace) -> str:
    """The figures as Markdown."""
    size, clients = options.size_mib, options.clients
    lines = [
        f"| registry | push of {size} MiB, s (best, median) | MiB/s | "
        f"{clients} pulls of {size} MiB at once, s (best, median) | MiB/s | peak RSS |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        push_s, pull_s = statistics.median(row.pushes), statistics.median(row.pulls)
        lines.append(
            f"| {row.name} | {min(row.pushes):.2f}, {push_s:.2f} | {size / push_s:.0f} | "
            f"{min(row.pulls):.2f}, {pull_s:.2f} | {size * clients / pull_s:.0f} | "
            f"{row.rss_mib:.0f} MiB |"
        )
    return "\n".join(lines)


def main() -> None:
    """Measure both and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--size-mib", type=int, default=1024)
    parser.add_argument("--clients", type=int, default=3)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--directory", type=Path, default=Path(tempfile.gettempdir()))
    options = parser.parse_args()
    rows = [measure("docker-registry", debian, options), measure("boxship registry", own, options)]
    print(table(rows, options))


if __name__ == "__main__":
    main()
