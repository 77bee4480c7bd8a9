"""The ``--filter key=value`` flag."""

from boxship.cli.errors import UsageError
from boxship.cli.flags import Flag, Flags

FILTER = Flag("filter", "f", "list", "Filter output based on conditions provided", shown="filter")
FORMAT_HELP = """\
Format output using a custom template:
'table':            Print output in table format with column headers (default)
'table TEMPLATE':   Print output in table format using the given Go template
'json':             Print in JSON format
'TEMPLATE':         Print output using the given Go template."""
FORMAT = Flag("format", "", "string", FORMAT_HELP)


def read_filters(flags: Flags, name: str = "filter") -> dict[str, list[str]]:
    """The filters as the API takes them. Raises UsageError."""
    filters: dict[str, list[str]] = {}
    for text in flags.items(name):
        key, equals, value = text.partition("=")
        if not equals:
            raise UsageError(
                f'invalid argument "{text}" for "{flags.label(name)}" flag: bad format of filter '
                "(expected name=value)",
                125,
            )
        filters.setdefault(key.strip().lower(), []).append(value.strip())
    return filters
