"""The shape of a two-way byte stream: a hijacked connection, a websocket, a local terminal."""

from typing import Protocol


class Duplex(Protocol):
    """A peer that sends and takes bytes, each direction closed on its own."""

    async def read(self) -> bytes:
        """Return the next bytes from the peer, ``b""`` once it has closed its sending side."""

    async def write(self, data: bytes | memoryview) -> None:
        """Send bytes; returns when the peer's buffer has room again (back-pressure).

        Raises ConnectionError when the peer is gone.
        """

    def write_eof(self) -> None:
        """Tell the peer that nothing more will be sent; reading goes on."""

    def close(self) -> None:
        """End both directions."""
