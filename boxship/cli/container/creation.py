"""Creating a container: the image is pulled when the engine lacks it."""

import os
import sys

from boxship import reference
from boxship.cli.errors import CliError
from boxship.cli.flags import Flags
from boxship.cli.session import Cli
from boxship.client.calls.containers import container_create
from boxship.errors import BoxshipError, NotFoundError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Json = dict[str, Any]

_PULL_POLICIES = ("always", "missing", "never", "")


def create(cli: Cli, flags: Flags, body: "Json") -> str:
    """Create the container; prints warnings, writes ``--cidfile``. Returns the id."""
    policy = flags.text("pull")
    if policy not in _PULL_POLICIES:
        raise CliError(
            f'invalid pull option: \'{policy}\': must be one of "always", "missing" or "never"',
            125,
        )
    cid_path = flags.text("cidfile")
    if cid_path and os.path.exists(cid_path):
        raise CliError(
            f"container ID file found, make sure the other container isn't running or delete "
            f"{cid_path}",
            125,
        )
    image = _parse_image(body["Image"])
    if policy == "always" and image is not None:
        _pull(cli, flags, image)
    created = _create(cli, flags, body, image, may_pull=policy in ("missing", ""))
    for warning in created.get("Warnings") or []:
        cli.warn(f"WARNING: {warning}")
    if cid_path:
        _write_id(cid_path, created["Id"])
    return str(created["Id"])


def _parse_image(name: str) -> "reference.Reference | None":
    """The reference that a pull would use; None for an image id."""
    bare = name.removeprefix("sha256:")
    if len(bare) == 64 and all(char in "0123456789abcdef" for char in bare):
        return None
    return reference.parse_normalized(name).with_default_tag()


def _create(
    cli: Cli,
    flags: Flags,
    body: "Json",
    image: "reference.Reference | None",
    *,
    may_pull: bool,
) -> "Json":
    call = container_create(body, name=flags.text("name"), platform=platform(flags))
    try:
        created: Json = cli.json(call)
    except NotFoundError as error:
        if image is None or not may_pull or "no such image" not in str(error).lower():
            raise
        if not flags.on("quiet"):
            cli.warn(f"Unable to find image '{image.familiar}' locally")
        _pull(cli, flags, image)
        created = cli.json(call)
    return created


def platform(flags: Flags) -> str:
    """``--platform``, or the environment's default."""
    return flags.text("platform") or os.environ.get("DOCKER_DEFAULT_PLATFORM", "")


def _pull(cli: Cli, flags: Flags, image: "reference.Reference") -> None:
    from boxship.cli.image.pulling import pull

    quiet = flags.on("quiet")
    pull(cli, image, platform=platform(flags), stream=sys.stderr, quiet=quiet)


def _write_id(path: str, container_id: str) -> None:
    try:
        with open(path, "w", encoding="ascii") as file:
            file.write(container_id)
    except OSError as error:
        raise CliError(f"failed to write container ID file: {path}: {error}", 125) from error


def with_hint(cli: Cli, message: str) -> str:
    """An error message of ``run`` or ``create``, with where to find help."""
    return f"boxship: {message}\n\nRun 'boxship {cli.command} --help' for more information"


def failure_code(error: BoxshipError) -> int:
    """Docker's exit code for a container that could not be started."""
    text = str(error).lower()
    not_found = ("executable file not found", "no such file or directory", "system cannot find")
    if any(words in text for words in not_found):
        return 127
    not_executable = ("permission denied", "is a directory", "exec format error")
    return 126 if any(words in text for words in not_executable) else 125
