"""The ``boxship`` command.

``commands.py`` is the table of all commands; ``<object>/<verb>.py`` holds one each:

    USAGE    what follows the command's words in ``Usage:``
    ARGS     (least, most) number of arguments; most None: any number
    FLAGS    tuple of ``flags.Flag``
    INTERSPERSED  False where everything after the first argument belongs to the container
    run(cli, flags, args) -> exit code

Commands that start often (version, ps, run, exec, …) import a small part of the standard library
only; tests/unit/cli/test_startup.py holds the list.
"""
