"""The kernel's packet filter through libnftables: commands in nft(8)'s language, answers in JSON.

All commands of one call are one transaction: the kernel takes all or none.
"""

import ctypes
import json
from typing import Any

_CTX_OUTPUT_JSON = 1 << 4
_CTX_OUTPUT_TERSE = 1 << 11
_library: ctypes.CDLL | None = None


class NftablesError(Exception):
    """The library or the kernel refused the commands; the text is libnftables' own."""


class NftablesMissingError(NftablesError):
    """libnftables is not installed."""


def _load() -> ctypes.CDLL:
    global _library
    if _library is None:
        try:
            library = ctypes.CDLL("libnftables.so.1")
        except OSError as error:
            raise NftablesMissingError(
                f"libnftables cannot be loaded ({error}); install the package libnftables1"
            ) from error
        library.nft_ctx_new.restype = ctypes.c_void_p
        for name in ("nft_ctx_get_output_buffer", "nft_ctx_get_error_buffer"):
            getattr(library, name).restype = ctypes.c_char_p
            getattr(library, name).argtypes = [ctypes.c_void_p]
        library.nft_run_cmd_from_buffer.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
        for name in ("nft_ctx_buffer_output", "nft_ctx_buffer_error", "nft_ctx_free"):
            getattr(library, name).argtypes = [ctypes.c_void_p]
        library.nft_ctx_output_set_flags.argtypes = [ctypes.c_void_p, ctypes.c_uint]
        library.nft_ctx_output_set_flags.restype = None
        library.nft_ctx_free.restype = None
        _library = library
    return _library


class Nftables:
    """A context; it acts in the network namespace in which it was made. One thread at a time."""

    def __init__(self) -> None:
        self._library = _load()
        self._context = self._library.nft_ctx_new(0)
        if not self._context:
            raise NftablesError("libnftables cannot make a context: out of memory")
        self._library.nft_ctx_buffer_output(self._context)
        self._library.nft_ctx_buffer_error(self._context)
        self._library.nft_ctx_output_set_flags(self._context, _CTX_OUTPUT_JSON)

    def run(self, commands: str) -> list[dict[str, Any]]:
        """Carry out commands, one a line, as one transaction; return what they list.

        Raises NftablesError; nothing has changed then.
        """
        status = self._library.nft_run_cmd_from_buffer(self._context, commands.encode())
        output = self._library.nft_ctx_get_output_buffer(self._context)
        errors = self._library.nft_ctx_get_error_buffer(self._context)
        if status != 0:
            raise NftablesError(errors.decode(errors="replace").strip())
        if not output:
            return []
        objects: list[dict[str, Any]] = json.loads(output)["nftables"]
        return objects

    def text(self, command: str) -> str:
        """Return what a command lists in nft(8)'s own language, without elements of sets.

        Raises NftablesError.
        """
        self._library.nft_ctx_output_set_flags(self._context, _CTX_OUTPUT_TERSE)
        try:
            status = self._library.nft_run_cmd_from_buffer(self._context, command.encode())
            output = self._library.nft_ctx_get_output_buffer(self._context)
            errors = self._library.nft_ctx_get_error_buffer(self._context)
        finally:
            self._library.nft_ctx_output_set_flags(self._context, _CTX_OUTPUT_JSON)
        if status != 0:
            raise NftablesError(errors.decode(errors="replace").strip())
        listing: str = output.decode(errors="replace")
        return listing

    def close(self) -> None:
        """Free the context."""
        if self._context:
            self._library.nft_ctx_free(self._context)
            self._context = None
