"""A registry with an OAuth 2.0 authorisation server beside it: device codes (RFC 8628)."""

import json
import threading
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

USER_CODE = "WDJB-MJHT"
DEVICE_CODE = "a device's secret"
REFRESH_TOKEN = "a refresh token"
_BEARER = "Bearer a-bearer-token"

Answer = tuple[int, dict[str, object]]
PENDING: Answer = (400, {"error": "authorization_pending"})
SLOW_DOWN: Answer = (400, {"error": "slow_down"})
DENIED: Answer = (403, {"error": "access_denied"})
EXPIRED: Answer = (400, {"error": "expired_token"})
GRANTED: Answer = (200, {"access_token": "access", "refresh_token": REFRESH_TOKEN})


class OAuthRegistry:
    """Answers ``/v2/`` only with a bearer token, which it trades for the refresh token.

    polls: what the questions for the device's token are answered, in order; after the last one
    ``afterwards`` for ever. metadata: what is published of the server, None for nothing. forms:
    what was posted, with its path.
    """

    def __init__(self, *polls: Answer, afterwards: Answer = GRANTED) -> None:
        self.polls = deque(polls)
        self.afterwards = afterwards
        self.forms: list[tuple[str, dict[str, str]]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.host = f"127.0.0.1:{self._server.server_port}"
        self.url = f"http://{self.host}"
        self.begun: Answer = (200, self._begun())
        self.metadata: dict[str, object] | None = {
            "issuer": self.url,
            "device_authorization_endpoint": f"{self.url}/device",
            "token_endpoint": f"{self.url}/token",
        }
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def _begun(self) -> dict[str, object]:
        return {
            "device_code": DEVICE_CODE,
            "user_code": USER_CODE,
            "verification_uri": f"{self.url}/activate",
            "verification_uri_complete": f"{self.url}/activate?user_code={USER_CODE}",
            "expires_in": 600,
            "interval": 0.1,
        }

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()

    def posted(self, path: str) -> list[dict[str, str]]:
        """The forms that a path was sent."""
        return [form for place, form in self.forms if place == path]

    def answer_form(self, path: str, form: dict[str, str]) -> Answer:
        """Answer a POST."""
        self.forms.append((path, form))
        if path == "/device":
            return self.begun
        if form.get("grant_type") == "refresh_token":
            known = form.get("refresh_token") == REFRESH_TOKEN
            return (200, {"token": _BEARER.split()[1]}) if known else (401, {})
        assert form["grant_type"] == "urn:ietf:params:oauth:grant-type:device_code"
        assert form["device_code"] == DEVICE_CODE
        return self.polls.popleft() if self.polls else self.afterwards

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path.startswith("/v2/"):
                    self._registry()
                elif self.path.startswith("/.well-known/oauth-authorization-server"):
                    self._send(200 if owner.metadata else 404, owner.metadata or {})
                else:
                    self._send(404, {})

            def _registry(self) -> None:
                if self.headers.get("Authorization") == _BEARER:
                    self._send(200, {})
                    return
                realm = f'Bearer realm="{owner.url}/token",service="registry.test"'
                self._send(401, {}, {"WWW-Authenticate": realm})

            def do_POST(self) -> None:
                length = int(self.headers.get("Content-Length", "0"))
                form = parse_qs(self.rfile.read(length).decode())
                status, body = owner.answer_form(self.path, {k: v[0] for k, v in form.items()})
                self._send(status, body)

            def _send(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
                data = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                for name, value in (headers or {}).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: object) -> None:
                pass

        return Handler
