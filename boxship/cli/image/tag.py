"""``boxship tag``."""

from boxship import reference
from boxship.cli.errors import CliError
from boxship.cli.flags import Flag, Flags
from boxship.cli.session import Cli
from boxship.client.calls.images import image_tag
from boxship.errors import InvalidParameterError

USAGE = "SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]"
ARGS: tuple[int, int | None] = (2, 2)
FLAGS: tuple[Flag, ...] = ()


def run(cli: Cli, flags: Flags, args: list[str]) -> int:
    """Give an image another name."""
    target = _parse(args[1])
    if target.digest:
        raise CliError("refusing to create a tag with a digest reference")
    target = target.with_default_tag()
    cli.client.run(image_tag(args[0], target.familiar_name, target.tag or ""))
    return 0


def _parse(name: str) -> reference.Reference:
    try:
        return reference.parse_normalized(name)
    except InvalidParameterError as error:
        raise CliError(
            f'Error parsing reference: "{name}" is not a valid repository/tag: {error}'
        ) from None
