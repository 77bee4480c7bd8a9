"""HTTP/1.1 over a channel: one task per connection, one request after the other.

h11 holds the protocol's rules; this module moves bytes between it and the channel, runs the
handlers, and lets go of the connection when a handler (or HTTP/2's preface) takes it over.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from email.utils import formatdate
from typing import TYPE_CHECKING, Final, cast
from urllib.parse import unquote

import h11

from boxship.api.channel import Channel, RawConnection
from boxship.api.query import Query
from boxship.api.request import Request
from boxship.api.response import Headers, Response
from boxship.api.streams import ResponseStream
from boxship.errors import InvalidParameterError
from boxship.wire.http1 import BodyDecoder, ProtocolError, ResponseHead

if TYPE_CHECKING:
    from boxship.api.server import HttpServer, ServerFacts

_log = logging.getLogger(__name__)

HTTP2_PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
MAX_HEAD_BYTES: Final = 1024 * 1024
HEAD_TIMEOUT_S: Final = 60.0
"""A request's head must be complete this long after its first byte."""
_UNREAD_BODY_LIMIT: Final = 256 * 1024
"""A body that the handler left unread is drained up to here to keep the connection."""
LINGER_S: Final = 5.0
"""How long a client whose body is not wanted may go on sending it before it is cut off; it would
otherwise lose the answer together with the connection."""
HIJACK_GRACE_S: Final = 5.0
"""A handler that still runs this long after its raw client has gone is cancelled."""


class HttpConnection:
    """Serves one channel until it ends or is taken over."""

    def __init__(self, channel: Channel, server: "HttpServer") -> None:
        self._channel = channel
        self._server = server
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEAD_BYTES)
        self._task: asyncio.Task[None] | None = None
        self._client_left = False
        self._taken_over = False
        self._body_taken = False
        self._had_body = False
        self._continued = False
        self._reply_status = 0
        self._request: Request | None = None
        self._sent_bytes = 0
        self.answer: ResponseStream | None = None

    @property
    def facts(self) -> "ServerFacts":
        """What handlers may know about the server."""
        return self._server.facts

    @property
    def encrypted(self) -> bool:
        """Whether the client came by TLS."""
        return self._channel.encrypted

    @property
    def peer(self) -> str:
        """The client's address and port; empty for a unix socket."""
        return self._channel.peer

    @property
    def must_finish(self) -> bool:
        """Whether a request is being served that is not only a stream or a wait."""
        request = self._request
        return request is not None and not request.follows

    async def run(self) -> None:
        """Serve requests until the client leaves; closes the channel."""
        self._task = asyncio.current_task()
        try:
            if await self._opens_with_http2():
                await self._serve_http2()
                return
            while await self._serve_request():
                self._http.start_next_cycle()
            await self._linger()
        except asyncio.CancelledError:
            if not self._client_left:
                raise
        except ConnectionError as error:
            _log.debug("connection ended: %s", error)
        finally:
            self._channel.close()

    # Requests

    async def _opens_with_http2(self) -> bool:
        """Look at the first bytes and put them back."""
        opening = b""
        while len(opening) < len(HTTP2_PREFACE) and HTTP2_PREFACE.startswith(opening):
            data = await self._channel.read()
            if not data:
                break
            opening += data
        self._channel.unread(opening)
        return opening.startswith(HTTP2_PREFACE)

    async def _serve_http2(self) -> None:
        self._taken_over = True
        if self._server.http2 is None:
            self._channel.write_nowait(
                b"HTTP/1.1 505 HTTP Version Not Supported\r\nConnection: close\r\n\r\n"
            )
            return
        self._cancel_after_hangup()
        await self._server.http2(RawConnection(self._channel))

    async def _serve_request(self) -> bool:
        """Serve one request; False when the connection is over."""
        try:
            head = await self._read_head()
        except h11.RemoteProtocolError as error:
            await self._refuse(error)
            return False
        if head is None:
            return False
        started = time.perf_counter()
        self._sent_bytes = 0
        request = self._request = self._request_of(head)
        try:
            await self._answer(request)
        finally:
            seconds = time.perf_counter() - started
            self._server.answered(request, self._reply_status, seconds, self._sent_bytes)
        self._request = None
        self._had_body = request.has_body
        if self._taken_over or self._server.closing:
            return False
        return await self._finish_body(request)

    async def _read_head(self) -> h11.Request | None:
        """Wait for the next request's head; None when the client has ended the connection."""
        timer: asyncio.TimerHandle | None = None
        try:
            while True:
                event = self._http.next_event()
                if isinstance(event, h11.Request):
                    return event
                if event is not h11.NEED_DATA:
                    return None
                data = await self._channel.read()
                if data and timer is None:
                    loop = asyncio.get_running_loop()
                    timer = loop.call_later(HEAD_TIMEOUT_S, self._channel.abort)
                self._http.receive_data(data)
        finally:
            if timer is not None:
                timer.cancel()

    def _request_of(self, head: h11.Request) -> Request:
        target = head.target.decode("ascii")
        if not target.startswith("/"):  # the absolute form: http://host/path
            target = "/" + target.partition("://")[2].partition("/")[2]
        raw_path, _, encoded_query = target.partition("?")
        headers: dict[str, str] = {}
        for raw_name, raw_value in head.headers:
            name, value = raw_name.decode("ascii"), raw_value.decode("latin-1")
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
        return Request(
            self, head.method.decode("ascii"), unquote(raw_path), Query(encoded_query), headers
        )

    async def _answer(self, request: Request) -> None:
        self.answer = None
        self._continued = False
        self._reply_status = 0
        try:
            response = await self._call_handler(request)
            if response is not None:
                await self._send(response)
            elif self.answer is not None:
                await self.answer.finish()
            elif not self._taken_over:
                raise RuntimeError(f"the handler of {request.method} {request.path} gave no answer")
        except ConnectionError:
            raise
        except Exception as error:
            await self._report(request, error)

    async def _call_handler(self, request: Request) -> Response | None:
        answer = self._server.answer(request)
        if not request.follows:
            return await answer
        gone = self._channel.gone
        gone.add_done_callback(self._cancel_handler)
        try:
            return await answer
        finally:
            gone.remove_done_callback(self._cancel_handler)

    def _cancel_handler(self, _gone: "asyncio.Future[None] | None" = None) -> None:
        self._client_left = True
        if self._task is not None:
            self._task.cancel()

    async def _report(self, request: Request, error: Exception) -> None:
        """Tell the client about a failure, in the way that is still open."""
        self._server.failed(request, error)
        if self._taken_over:
            return
        if self.answer is None or not self.answer.started:
            response = self._server.error_response(error)
            if request.method == "HEAD":  # its answer must not have a body
                response = Response(response.status, b"", response.content_type, response.headers)
            await self._send(response)
        elif not await self.answer.fail(error):
            self._taken_over = True
            self._channel.abort()

    async def _refuse(self, error: h11.RemoteProtocolError) -> None:
        """Answer bytes that are not HTTP, and end."""
        if self._http.our_state not in {h11.IDLE, h11.SEND_RESPONSE}:
            return
        status = error.error_status_hint
        text = f"{status} {_reason(status)}: {error}\n".encode()
        headers = (("Connection", "close"),)
        await self._send(Response(status, text, "text/plain; charset=utf-8", headers))

    # The body of a request

    async def body(self) -> AsyncIterator[bytes]:
        """Yield the rest of the current request's body."""
        while self._http.their_state is h11.SEND_BODY:
            self._ask_for_body()
            data = await self._next_data()
            if data:
                yield data

    async def _next_data(self) -> bytes:
        """Return the next piece of the body, b"" at its end."""
        while True:
            try:
                event = self._http.next_event()
                if isinstance(event, h11.Data):
                    return bytes(event.data)
                if event is not h11.NEED_DATA:
                    return b""
                data = await self._channel.read()
                self._http.receive_data(data)
            except h11.RemoteProtocolError as error:
                raise self._broken_body(error) from None

    async def raw_body(self) -> AsyncIterator[bytes]:
        """Yield the body as ``body`` does, but around h11, which costs large uploads their speed.

        Afterwards a request without a body stands in for this one, so that h11 can go on.
        """
        if self._http.their_state is not h11.SEND_BODY:
            return
        self._ask_for_body()
        self._body_taken = True
        buffer = bytearray(self._http.trailing_data[0])
        decoder = BodyDecoder(ResponseHead(1, 200, "", self._framing()), "POST", buffer)
        try:
            data = decoder.take()
            while data or not decoder.done:
                if data:
                    yield data
                if decoder.done:
                    break
                received = await self._channel.read()
                data = decoder.pass_on(received)
                if not received:
                    decoder.end_of_input()
        except ProtocolError as error:
            raise self._broken_body(error) from None
        self._http = self._stand_in(bytes(buffer))
        self._body_taken = False

    def _broken_body(self, error: Exception) -> Exception:
        """Return what a handler gets that reads a body which breaks off: a client may wait for
        an answer still, though it has ended its side or has broken the rules of chunks."""
        if self._channel.disconnected.done():
            return ConnectionAbortedError(f"the request's body broke off: {error}")
        return InvalidParameterError(f"the request's body broke off: {error}")

    def _framing(self) -> dict[str, str]:
        assert self._request is not None
        names = ("transfer-encoding", "content-length")
        found = {name: value for name in names if (value := self._request.headers.get(name))}
        return found or {"content-length": "0"}

    def _stand_in(self, rest: bytes) -> h11.Connection:
        """Return a connection that has just read this request, without its body."""
        assert self._request is not None
        head = f"{self._request.method} / HTTP/1.1\r\nHost: -\r\n"
        if self._http.their_state is h11.MUST_CLOSE or self._wants_close(self._request):
            head += "Connection: close\r\n"
        http = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEAD_BYTES)
        http.receive_data(head.encode("ascii") + b"\r\n" + rest)
        while http.their_state in {h11.IDLE, h11.SEND_BODY}:
            http.next_event()
        return http

    def _wants_close(self, request: Request) -> bool:
        old = self._http.their_http_version == b"1.0"
        return old or "close" in request.headers.get("connection", "").lower()

    def _ask_for_body(self) -> None:
        """Tell a client that waits with its body to send it."""
        if self._http.they_are_waiting_for_100_continue:
            self._continued = True
            self._channel.write_nowait(
                self._http.send(h11.InformationalResponse(status_code=100, headers=[])) or b""
            )

    async def _linger(self) -> None:
        """Read and drop what the client still sends, so that it can read our answer first."""
        unread = self._had_body and self._http.their_state is h11.SEND_BODY
        if self._taken_over or not unread:
            return
        if self._http.they_are_waiting_for_100_continue or self._channel.disconnected.done():
            return
        self._channel.write_eof()
        try:
            async with asyncio.timeout(LINGER_S):
                while await self._channel.read():
                    pass
        except TimeoutError:
            pass

    async def _finish_body(self, request: Request) -> bool:
        """Drain what the handler left of a small body; False if the connection must end."""
        if self._body_taken:
            return False
        left = _UNREAD_BODY_LIMIT
        if "expect" in request.headers and not self._continued:
            return False  # whether the client still sends its body is its own choice
        try:
            while self._http.their_state is h11.SEND_BODY and left > 0:
                left -= len(await self._next_data())
        except InvalidParameterError:
            return False  # it breaks off, after an answer that did not need it
        if self._http.their_state is h11.SEND_BODY:
            return False
        return self._http.our_state is h11.DONE and self._http.their_state is h11.DONE

    # The answer

    async def _send(self, response: Response) -> None:
        """Send a whole answer with one write."""
        headers = response.headers
        if response.status not in {204, 304} and not _has(headers, "content-length"):
            headers = (*headers, ("Content-Length", str(len(response.body))))
        parts = [self._head(response.status, response.content_type, headers)]
        if response.body:
            self._sent_bytes += len(response.body)
            parts.append(self._http.send(h11.Data(data=response.body)) or b"")
        parts.append(self._http.send(h11.EndOfMessage()) or b"")
        await self._channel.write(b"".join(parts))

    def _head(self, status: int, content_type: str | None, headers: Headers) -> bytes:
        self._reply_status = status
        all_headers = [*self._server.common_headers, ("Date", _http_date())]
        if content_type is not None:
            all_headers.append(("Content-Type", content_type))
        all_headers.extend(headers)
        event = h11.Response(status_code=status, reason=_reason(status), headers=all_headers)
        return self._http.send(event) or b""

    async def send_head(self, status: int, content_type: str | None, headers: Headers) -> None:
        """Send the head of a streamed answer."""
        await self._channel.write(self._head(status, content_type, headers))

    async def send_data(self, data: bytes | memoryview) -> None:
        """Send a piece of a streamed answer."""
        self._sent_bytes += len(data)
        parts = self._http.send_with_data_passthrough(h11.Data(data=cast(bytes, data))) or []
        await self._channel.write(b"".join(parts))

    async def send_file(self, descriptor: int, offset: int, count: int) -> None:
        """Send a part of a file as a piece of a streamed answer, framed as its head says."""
        # h11 only counts: it asks for the length of what it passes through.
        data = cast(bytes, range(count))
        for part in self._http.send_with_data_passthrough(h11.Data(data=data)) or []:
            if part is not data:
                await self._channel.write(part)
                continue
            async for sent in self._channel.send_file(descriptor, offset, count):
                self._sent_bytes += sent

    async def send_end(self) -> None:
        """End a streamed answer."""
        await self._channel.write(self._http.send(h11.EndOfMessage()) or b"")

    # Leaving HTTP

    async def hijack(
        self, protocol: str, content_type: str | None, headers: Headers
    ) -> RawConnection:
        """Send the head and hand the channel over; see ``Request.hijack``."""
        lines = [f"HTTP/1.1 101 {_upgrade_reason(protocol)}" if protocol else "HTTP/1.1 200 OK"]
        if content_type is not None:
            lines.append(f"Content-Type: {content_type}")
        if protocol:
            lines += ["Connection: Upgrade", f"Upgrade: {protocol}"]
        lines += [f"{name}: {value}" for name, value in (*self._server.common_headers, *headers)]
        self._reply_status = 101 if protocol else 200
        self._taken_over = True
        ahead, _ = self._http.trailing_data
        self._channel.unread(ahead)
        await self._channel.write("\r\n".join([*lines, "", ""]).encode("latin-1"))
        self._channel.gone.remove_done_callback(self._cancel_handler)
        self._cancel_after_hangup()
        return RawConnection(self._channel)

    def _cancel_after_hangup(self) -> None:
        """Cancel the handler some time after its peer has gone, should it not notice itself."""
        loop = asyncio.get_running_loop()

        def arm(_gone: "asyncio.Future[None]") -> None:
            if self._task is not None and not self._task.done():
                timer = loop.call_later(HIJACK_GRACE_S, self._cancel_handler)
                self._task.add_done_callback(lambda _task: timer.cancel())

        self._channel.disconnected.add_done_callback(arm)


def _has(headers: Headers, name: str) -> bool:
    return any(key.lower() == name for key, _ in headers)


def _upgrade_reason(protocol: str) -> str:
    return "UPGRADED" if protocol == "tcp" else "Switching Protocols"


_REASONS: dict[int, str] = {}


def _reason(status: int) -> str:
    if not _REASONS:
        from http import HTTPStatus

        _REASONS.update({item.value: item.phrase for item in HTTPStatus})
    return _REASONS.get(status, "")


def _date_clock() -> Callable[[], str]:
    """Return a clock that formats the Date header once a second."""
    last = (0, "")

    def now() -> str:
        nonlocal last
        second = int(time.time())
        if second != last[0]:
            last = (second, formatdate(second, usegmt=True))
        return last[1]

    return now


_http_date = _date_clock()
