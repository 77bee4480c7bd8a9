"""The program ``boxship``.

``python -m boxship.entrypoints.cli --install-launcher DIRECTORY`` writes it: a script that names
the interpreter itself, with ``-I`` and ``-S``, and adds the package's directory by hand. A console
script made by pip would run ``site`` and import ``re`` first, 15 ms before anything happens.
"""

import os
import sys

_PACKAGE_PARENT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
INSTALL_FLAG = "--install-launcher"
_LAUNCHER = """\
#!{python} -IS
import sys
sys.path.append({path!r})
from boxship.entrypoints.cli import main
main()
"""


def main() -> None:
    """Run the command line and end the process."""
    words = sys.argv[1:]
    if words[:1] == [INSTALL_FLAG] and len(words) == 2:
        sys.stdout.write(install_launcher(words[1]) + "\n")
        return
    from boxship.cli.main import main as run

    code = run(words)
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except BrokenPipeError:
        code = code or 1
    # Taking the interpreter apart in order costs 2 ms and changes nothing for a finished command.
    os._exit(code)


def install_launcher(directory: str) -> str:
    """Write directory/boxship; returns its path. Raises OSError."""
    path = os.path.join(directory, "boxship")
    text = _LAUNCHER.format(python=sys.executable, path=_PACKAGE_PARENT)
    temporary = f"{path}.tmp"
    with open(temporary, "w", encoding="utf-8") as file:
        file.write(text)
    os.chmod(temporary, 0o755)
    os.replace(temporary, path)
    return path


if __name__ == "__main__":
    main()
