"""Starting the daemon when a command finds none."""

import fcntl
import os
import select
import signal
import sys

from boxship.client import transports
from boxship.client.endpoint import Endpoint
from boxship.client.errors import ConnectionFailedError

START_TIMEOUT_S = 30.0
_LOG_DIRECTORIES = ("/var/log/boxship", "/run/boxship")
_PACKAGE_PARENT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def start_daemon(endpoint: Endpoint) -> "transports.Transport":
    """Start boxshipd in the background and connect once its sockets accept.

    It runs in a session of its own, from the same installation. Commands that find no daemon at
    the same moment start one together. Raises ConnectionFailedError with the end of the log when
    it does not come up.
    """
    log_path = _log_path()
    with open(f"{log_path}.lock", "wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            return transports.connect(endpoint)  # another command has started it meanwhile
        except ConnectionFailedError:
            _start(endpoint, log_path)
    return transports.connect(endpoint)


def _start(endpoint: Endpoint, log_path: str) -> None:
    sys.stderr.write("boxship: no daemon is running; starting boxshipd in the background\n")
    sys.stderr.flush()
    readable, writable = os.pipe()
    try:
        pid = _spawn(writable, log_path)
    finally:
        os.close(writable)
    if _wait_ready(readable, pid):
        return
    reason = _log_tail(log_path)
    raise ConnectionFailedError(
        f"Cannot connect to the Boxship daemon at {endpoint.url}: boxshipd was started but did "
        f"not become ready. Its log {log_path} ends with:\n{reason}"
    )


def _log_path() -> str:
    for directory in _LOG_DIRECTORIES:
        try:
            os.makedirs(directory, mode=0o755, exist_ok=True)
        except OSError:
            continue
        if os.access(directory, os.W_OK):
            return os.path.join(directory, "boxshipd.log")
    raise ConnectionFailedError(
        "Cannot connect to the Boxship daemon. Is the boxship daemon running? "
        "Starting it takes root: run `sudo boxshipd`, or start its service"
    )


def _spawn(ready_fd: int, log_path: str) -> int:
    """Fork and execute the daemon; its stdio is the log file."""
    paths = [_PACKAGE_PARENT, *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    argv = [sys.executable, "-m", "boxship.entrypoints.daemon", "--ready-fd", str(ready_fd)]
    pid = os.fork()
    if pid:
        return pid
    try:
        os.setsid()
        os.chdir("/")
        log = os.open(log_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o640)
        null = os.open(os.devnull, os.O_RDONLY)
        for source, target in ((null, 0), (log, 1), (log, 2)):
            os.dup2(source, target)
        os.set_inheritable(ready_fd, True)
        for number in (signal.SIGINT, signal.SIGPIPE):
            signal.signal(number, signal.SIG_DFL)
        os.execve(argv[0], argv, environment)
    finally:
        os._exit(127)


def _wait_ready(readable: int, pid: int) -> bool:
    """Whether the daemon reported readiness before it ended or the time was over."""
    poll = select.poll()
    poll.register(readable, select.POLLIN)
    try:
        events = poll.poll(START_TIMEOUT_S * 1000)
        if events and os.read(readable, 1):
            return True
    finally:
        os.close(readable)
    os.waitpid(pid, os.WNOHANG)
    return False


def _log_tail(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return "".join(file.readlines()[-5:]).rstrip()
    except OSError as error:
        return f"({error})"
