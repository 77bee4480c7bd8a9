"""Pulling an image with its progress shown."""

from boxship.cli import credentials
from boxship.cli.progress import ProgressDisplay
from boxship.cli.session import Cli
from boxship.client.calls.images import image_pull

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TextIO

    from boxship.reference import Reference


def pull(cli: Cli, image: "Reference", *, platform: str, stream: "TextIO", quiet: bool) -> None:
    """Pull; progress goes to stream unless quiet. Without tag and digest: all tags."""
    auth = credentials.encode(credentials.for_registry(cli.config, image.domain))
    call = image_pull(
        image.familiar_name,
        image.digest or image.tag or "",
        platform=platform,
        registry_auth=auth,
    )
    messages = cli.client.lines(call)
    if quiet:
        messages = (item for item in messages if item.get("error") or item.get("errorDetail"))
    ProgressDisplay(stream).show(messages)
