import os
import socket
from pathlib import Path

import pytest

from boxship.daemon.notify import notify, write_ready_fd
from boxship.daemon.pidfile import write_pidfile
from boxship.errors import ConflictError


def test_the_service_manager_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        notify("READY=1")
        assert manager.recv(100) == b"READY=1"
    notify("STOPPING=1")
    monkeypatch.delenv("NOTIFY_SOCKET")
    notify("READY=1")


def test_the_waiting_parent_is_told() -> None:
    reader, writer = os.pipe()
    write_ready_fd(writer)
    assert os.read(reader, 10) == b"1\n"
    assert os.read(reader, 10) == b""
    os.close(reader)
    write_ready_fd(-1)


def test_a_pidfile_names_one_live_process(tmp_path: Path) -> None:
    path = tmp_path / "run" / "boxshipd.pid"
    write_pidfile(path)
    assert path.read_text() == f"{os.getpid()}\n"
    path.write_text("1\n")
    with pytest.raises(ConflictError, match="process with PID 1 is still running"):
        write_pidfile(path)
    path.write_text("garbage")
    write_pidfile(path)
