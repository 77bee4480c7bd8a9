"""Whether an image for some platform can run here, and what to say about it."""

import asyncio
import logging
from collections.abc import Iterable

from boxship.engine.containers.container import Container
from boxship.engine.images.image import Image
from boxship.engine.runtime.runtimes import ALIASES, CRUN, RUNC
from boxship.errors import InvalidParameterError
from boxship.linux import binfmt
from boxship.oci.platform import host_platform, rank

_log = logging.getLogger(__name__)
_RUNS_LINUX_ONLY = frozenset({CRUN, RUNC, *ALIASES})
_WASM = frozenset({"wasi", "wasip1", "js"})


def check(image: Image, asked: str, runtime: str) -> list[str]:
    """Return warnings for a container of an image; ``asked``: the platform in the request.

    Raises InvalidParameterError for an operating system that no runtime here has.
    """
    platform = image.config.platform
    if platform.os in _WASM or platform.architecture == "wasm":
        _check_wasm(image, runtime)
        return []
    if platform.os not in ("", "linux"):
        raise InvalidParameterError(
            f'image operating system "{platform.os}" cannot be used on this platform: operating '
            f"system is not supported: the image is for {platform.text}, this engine runs Linux "
            "containers; pull a variant for Linux, or use an engine on such a machine"
        )
    if asked or not platform.architecture or rank(platform, host_platform()) is not None:
        return []
    return [
        f"The requested image's platform ({platform.text}) does not match the detected host "
        f"platform ({host_platform().text}) and no specific platform was requested"
    ]


def _check_wasm(image: Image, runtime: str) -> None:
    if runtime in _RUNS_LINUX_ONLY:
        raise InvalidParameterError(
            f"the image is a WebAssembly module ({image.config.platform.text}), and the runtime "
            f"{runtime} runs Linux programs: name a runtime that runs WebAssembly with --runtime"
        )


async def emulate(containers: Iterable[Container]) -> None:
    """Let programs for other processors run again that running containers may start.

    What an earlier engine registered with the kernel may have gone with it.
    """
    for architecture in sorted(_foreign(containers)):
        try:
            await asyncio.to_thread(binfmt.formats.ensure, architecture)
        except binfmt.FormatError as error:
            _log.warning("containers for linux/%s cannot start programs: %s", architecture, error)


def _foreign(containers: Iterable[Container]) -> set[str]:
    """Return the architectures that running containers need and this processor lacks."""
    host = host_platform().architecture
    running = [one.image_platform.split("/") for one in containers if one.state.pid]
    wanted = {words[1] for words in running if len(words) > 1}
    return {one for one in wanted if one in binfmt.PROCESSORS and not binfmt.runs_itself(one, host)}
