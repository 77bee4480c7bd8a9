"""TLS on a channel, with half-close.

asyncio's own TLS ends both directions when the peer ends one, but ``docker run -i`` over TLS ends
its input (close_notify) and still waits for output. So the records are made here, by OpenSSL on
memory buffers, and both directions end on their own.
"""

import asyncio
import logging
import os
import ssl
from collections.abc import AsyncIterator, Callable
from typing import Final

from boxship.api.channel import Channel

_log = logging.getLogger(__name__)

_HANDSHAKE_TIMEOUT_S: Final = 15.0
_RECORDS: Final = 256 * 1024


class TlsChannel(Channel):
    """A connected byte stream under TLS, server side; it is connected once the handshake is done.

    A client without an acceptable certificate is dropped and never seen by the server.
    """

    encrypted = True

    def __init__(self, on_connected: Callable[[Channel], None], context: ssl.SSLContext) -> None:
        super().__init__(on_connected=self._start_handshake)
        self._when_ready = on_connected
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._handshaking = True
        self._sending_ended = False

    def _start_handshake(self, _channel: Channel) -> None:
        self._timer = self._loop.call_later(_HANDSHAKE_TIMEOUT_S, self.abort)

    def data_received(self, data: bytes) -> None:
        """Decrypt and queue."""
        self._incoming.write(data)
        if self._handshaking and not self._shake_hands():
            return
        self._read_records()

    def eof_received(self) -> bool:
        """A connection that ends without close_notify is broken in both directions."""
        self._incoming.write_eof()
        super().eof_received()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the handshake's deadline."""
        self._timer.cancel()
        super().connection_lost(exc)

    def write_nowait(self, data: bytes | memoryview) -> None:
        """Encrypt and send."""
        self._check_open()
        if data:
            self._tls.write(data)
            self._flush()

    def write_eof(self) -> None:
        """Send close_notify: nothing more comes, reading goes on."""
        if self._sending_ended or self._transport.is_closing():
            return
        self._sending_ended = True
        try:
            self._tls.unwrap()
        except ssl.SSLError:
            pass  # WantRead: our close_notify is out, the peer's is not here yet
        self._flush()

    def close(self) -> None:
        """Say goodbye, then close."""
        if not self._handshaking:
            self.write_eof()
        super().close()

    async def send_file(self, descriptor: int, offset: int, count: int) -> AsyncIterator[int]:
        """Read and encrypt: the kernel cannot do it for us."""
        end = offset + count
        while offset < end:
            size = min(_RECORDS, end - offset)
            data = await asyncio.to_thread(os.pread, descriptor, size, offset)
            if not data:
                raise ConnectionAbortedError("the file is shorter than it was")
            await self.write(data)
            offset += len(data)
            yield len(data)

    async def detach_socket(self) -> None:
        """Encrypted bytes cannot be pumped around us."""
        return

    def _shake_hands(self) -> bool:
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            self._flush()
            return False
        except ssl.SSLError as error:
            peer = self._transport.get_extra_info("peername")
            _log.warning("http: TLS handshake error from %s: %s", peer, error)
            self._flush()  # the alert that tells the client why
            super().close()
            return False
        self._flush()
        self._timer.cancel()
        self._handshaking = False
        self._when_ready(self)
        return True

    def _read_records(self) -> None:
        try:
            while data := self._tls.read(_RECORDS):
                super().data_received(data)
            super().eof_received()
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            super().eof_received()
        except ssl.SSLError as error:
            _log.debug("TLS connection broken: %s", error)
            self.abort()
        self._flush()

    def _flush(self) -> None:
        if self._outgoing.pending and not self._transport.is_closing():
            self._transport.write(self._outgoing.read())
