"""A volume plugin: directories on a shelf, behind Docker's protocol; may hang, lie and die."""

import json
import shutil
import socket
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingMixIn, UnixStreamServer
from typing import Any

Answer = dict[str, Any]


class _Server(ThreadingMixIn, UnixStreamServer):
    daemon_threads = True
    plugin: "VolumePlugin"


class VolumePlugin:
    """Listens at ``NAME.sock`` in a directory. Use as a context manager.

    replies: bytes to be sent instead of an answer, by method. hanging: methods that are never
    answered while ``released`` is not set.
    """

    def __init__(self, directory: Path, shelf: Path, name: str = "shelf") -> None:
        self.name = name
        self.socket = directory / f"{name}.sock"
        self.shelf = shelf
        self.volumes: dict[str, Answer] = {}
        self.users: dict[str, list[str]] = {}
        self.calls: list[tuple[str, Answer]] = []
        self.replies: dict[str, bytes] = {}
        self.answers: dict[str, Answer] = {}
        self.hanging: set[str] = set()
        self.reached = threading.Event()
        self.released = threading.Event()
        directory.mkdir(parents=True, exist_ok=True)
        shelf.mkdir(parents=True, exist_ok=True)

    def __enter__(self) -> "VolumePlugin":
        self._server = _Server(str(self.socket), _Handler)
        self._server.plugin = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.released.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self.socket.unlink(missing_ok=True)

    def methods(self) -> list[str]:
        """What was called, in order."""
        return [method.removeprefix("VolumeDriver.") for method, _ in self.calls]

    def answer(self, method: str, body: Answer) -> Answer:
        """Do what a method asks for."""
        self.calls.append((method, body))
        if method in self.answers:
            return self.answers[method]
        verbs: Mapping[str, Callable[[str, Answer], Answer]] = {
            "Create": self._create,
            "Remove": self._remove,
            "Get": self._get,
            "Mount": self._mount,
            "Unmount": self._unmount,
        }
        if method == "Plugin.Activate":
            return {"Implements": ["VolumeDriver"]}
        verb = method.removeprefix("VolumeDriver.")
        if verb == "Capabilities":
            return {"Capabilities": {"Scope": "global"}}
        if verb == "List":
            return {"Volumes": [self._document(name) for name in self.volumes]}
        return verbs[verb](body["Name"], body)

    def _create(self, name: str, body: Answer) -> Answer:
        self.volumes[name] = body.get("Opts") or {}
        (self.shelf / name).mkdir()
        return {}

    def _remove(self, name: str, _body: Answer) -> Answer:
        del self.volumes[name]
        shutil.rmtree(self.shelf / name)
        return {}

    def _get(self, name: str, _body: Answer) -> Answer:
        if name not in self.volumes:
            return {"Err": f"no volume {name} on this shelf"}
        return {"Volume": self._document(name)}

    def _document(self, name: str) -> Answer:
        place = str(self.shelf / name) if self.users.get(name) else ""
        return {"Name": name, "Mountpoint": place, "Status": {"options": self.volumes[name]}}

    def _mount(self, name: str, body: Answer) -> Answer:
        self.users.setdefault(name, []).append(body["ID"])
        return {"Mountpoint": str(self.shelf / name)}

    def _unmount(self, name: str, body: Answer) -> Answer:
        self.users[name].remove(body["ID"])
        return {}


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    connection: socket.socket

    def do_POST(self) -> None:
        plugin = self.server.plugin
        method = self.path.removeprefix("/")
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])) or b"{}")
        if method in plugin.hanging:
            plugin.reached.set()
            plugin.released.wait()
        if method in plugin.replies:
            self.wfile.write(plugin.replies[method])
            return
        answer = plugin.answer(method, body)
        text = json.dumps(answer).encode()
        self.send_response(500 if answer.get("Err") else 200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: object) -> None:
        """Nothing is to be printed."""

    def address_string(self) -> str:
        """A client of a unix socket has no address."""
        return ""
