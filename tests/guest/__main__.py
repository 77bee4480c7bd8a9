"""Entry of the checks inside of the guest: ``python -m tests.guest plain|systemd``."""

import sys

from tests.guest import managed, plain


def main() -> None:
    """Run the checks of a kind of machine, and say how they went in the last line."""
    failed = {"plain": plain.main, "systemd": managed.main}[sys.argv[1]]()
    print(f"guest: {failed} checks failed" if failed else "guest: all checks passed", flush=True)


main()
