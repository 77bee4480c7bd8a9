"""``--security-opt``: the seccomp profile is a file of the client's."""

from boxship.cli.errors import CliError
from boxship.client import jsontext

TYPE_CHECKING = False
if TYPE_CHECKING:
    Paths = dict[str, list[str]]


def security_options(texts: list[str]) -> "tuple[list[str], Paths]":
    """The options as the engine takes them, and what ``systempaths=unconfined`` unmasks.

    Raises CliError.
    """
    options: list[str] = []
    paths: Paths = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals and key != "no-new-privileges":
            key, colon, value = text.partition(":")
            if not colon:
                raise CliError(f'Invalid --security-opt: "{text}"', 125)
        if text == "systempaths=unconfined":
            paths = {"MaskedPaths": [], "ReadonlyPaths": []}
        elif key == "seccomp" and value not in ("unconfined", "builtin"):
            options.append(f"seccomp={_profile(value)}")
        else:
            options.append(text)
    return options, paths


def capabilities(texts: list[str]) -> list[str]:
    """Names as the engine lists them: ``CAP_NET_RAW`` or ``ALL``, sorted, each once."""
    upper = {text.upper() for text in texts}
    names = {name if name == "ALL" else "CAP_" + name.removeprefix("CAP_") for name in upper}
    return ["ALL"] if "ALL" in names else sorted(names)


def _profile(path: str) -> str:
    try:
        with open(path, "rb") as file:
            return jsontext.dumps(jsontext.loads(file.read()))
    except OSError as error:
        reason = f"open {path}: {(error.strerror or str(error)).lower()}"
    except ValueError as error:
        reason = str(error)
    raise CliError(f"opening seccomp profile ({path}) failed: {reason}", 125)
