"""The program ``boxshipd``: the engine and its API in one process."""

import sys

from boxship.daemon.main import main as run_daemon


def main() -> None:
    """Run the daemon with the process's arguments, and exit with its status."""
    sys.exit(run_daemon(sys.argv[1:]))


if __name__ == "__main__":
    main()
