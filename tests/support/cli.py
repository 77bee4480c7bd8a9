"""Command lines under test: the stock docker client and our own, with or without a terminal."""

import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from boxship.entrypoints.cli import install_launcher

_PATIENCE = 30.0


class Cli:
    """One command with its environment; call it with arguments."""

    def __init__(self, program: Sequence[str], env: Mapping[str, str], cwd: Path) -> None:
        self.program = list(program)
        self.env = dict(env)
        self.cwd = cwd

    def run(
        self, *args: str, stdin: str | bytes = b"", timeout: float = 60
    ) -> subprocess.CompletedProcess[str]:
        """Run to the end, whatever the exit status; output as text."""
        data = stdin.encode() if isinstance(stdin, str) else stdin
        done = subprocess.run(
            [*self.program, *args],
            input=data,
            capture_output=True,
            env=self.env,
            cwd=self.cwd,
            timeout=timeout,
        )
        return subprocess.CompletedProcess(
            done.args, done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode()
        )

    def __call__(self, *args: str, stdin: str | bytes = b"", timeout: float = 60) -> str:
        """Run with success; return standard output without the last newline."""
        done = self.run(*args, stdin=stdin, timeout=timeout)
        assert done.returncode == 0, f"{args} ended with {done.returncode}: {done.stderr}"
        return done.stdout.removesuffix("\n")

    def fails(self, *args: str, code: int | None = None, stdin: str | bytes = b"") -> str:
        """Run without success; return standard error."""
        done = self.run(*args, stdin=stdin)
        assert done.returncode != 0, f"{args} succeeded: {done.stdout}"
        assert code in (None, done.returncode), (
            f"{args} ended with {done.returncode}: {done.stderr}"
        )
        return done.stderr

    def start(self, *args: str) -> subprocess.Popen[bytes]:
        """Start in the background with pipes; the caller ends it."""
        pipe = subprocess.PIPE
        return subprocess.Popen(
            [*self.program, *args], stdin=pipe, stdout=pipe, stderr=pipe, env=self.env, cwd=self.cwd
        )

    def terminal(self, *args: str, rows: int = 24, columns: int = 80) -> "Terminal":
        """Start on a terminal of its own; use as a context manager."""
        return Terminal([*self.program, *args], self.env, self.cwd, rows, columns)


class Terminal:
    """A command on a pseudo terminal."""

    def __init__(
        self, command: Sequence[str], env: Mapping[str, str], cwd: Path, rows: int, columns: int
    ) -> None:
        self.output = b""
        self._master, slave = pty.openpty()
        self.resize(rows, columns)
        self.process = subprocess.Popen(
            command,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={**env, "TERM": "xterm"},
            cwd=cwd,
            start_new_session=True,
            preexec_fn=_take_terminal,
        )
        os.close(slave)

    def resize(self, rows: int, columns: int) -> None:
        """Change the size of the terminal."""
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def send(self, data: str | bytes) -> None:
        """Type."""
        os.write(self._master, data.encode() if isinstance(data, str) else data)

    def expect(self, text: str, timeout: float = _PATIENCE) -> str:
        """Wait until text has been printed since the last match; return all up to it."""
        wanted = text.encode()
        deadline = time.monotonic() + timeout
        while wanted not in self.output:
            assert self._read(deadline), f"{text!r} never came; the terminal shows {self.output!r}"
        end = self.output.index(wanted) + len(wanted)
        seen, self.output = self.output[:end], self.output[end:]
        return seen.decode(errors="replace")

    def _read(self, deadline: float) -> bool:
        """Take more output; False at its end or after the deadline."""
        left = max(0.0, deadline - time.monotonic())
        ready, _, _ = select.select([self._master], [], [], left)
        if not ready:
            return False
        try:
            data = os.read(self._master, 65536)
        except OSError:  # EIO: the last process on the terminal has closed it
            return False
        self.output += data
        return bool(data)

    def wait(self, timeout: float = _PATIENCE) -> int:
        """Drain the output until the command ends; return its exit status."""
        deadline = time.monotonic() + timeout
        while self._read(deadline):
            pass
        return self.process.wait(max(0.1, deadline - time.monotonic()))

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self._master)


def _take_terminal() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def boxship_cli(host: str, home: Path, env: Mapping[str, str] | None = None) -> Cli:
    """Our own command, as `make install` writes it, against the engine at host."""
    home.mkdir(parents=True, exist_ok=True)
    launcher = install_launcher(str(home))
    settings = {"BOXSHIP_HOST": host, "BOXSHIP_AUTOSTART": "0", **_home(home), **(env or {})}
    return Cli([launcher], settings, home)


def docker_cli(program: Path, host: str, home: Path) -> Cli:
    """A stock docker client against the engine at host."""
    return Cli([str(program)], {"DOCKER_HOST": host, **_home(home)}, home)


def _home(home: Path) -> dict[str, str]:
    home.mkdir(parents=True, exist_ok=True)
    return {
        "HOME": str(home),
        "DOCKER_CONFIG": str(home / ".docker"),
        "PATH": os.environ["PATH"],
        "LANG": "C.UTF-8",
    }
