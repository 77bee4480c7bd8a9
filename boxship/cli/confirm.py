"""Asking before something is destroyed."""

import sys

from boxship.cli.session import Cli


def confirm(cli: Cli, warning: str) -> bool:
    """Print the warning and ask; anything but ``y`` or ``yes`` means no."""
    cli.write(f"{warning}\nAre you sure you want to continue? [y/N] ")
    sys.stdout.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")
