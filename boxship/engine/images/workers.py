"""The threads in which images' blocking work runs: the network, hashing, unpacking."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")

MAX_THREADS = 32
"""Own threads, since registries that hang must not take the engine's other workers away."""


class Workers:
    """Runs blocking functions; threads are started as they are needed."""

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(MAX_THREADS, thread_name_prefix="images")

    async def run(self, function: Callable[[], T]) -> T:
        """Run a function in a thread.

        When the caller is cancelled the function runs on: give it a Cancellation that ends it.
        """
        return await asyncio.get_running_loop().run_in_executor(self._executor, function)

    def close(self) -> None:
        """Begin no more work; what runs ends by itself."""
        self._executor.shutdown(wait=False, cancel_futures=True)
