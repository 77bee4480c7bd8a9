"""The ``--filter key=value`` flag."""

from boxship.cli.errors import CliError
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
    """The filters as the API takes them. Raises CliError."""
    filters: dict[str, list[str]] = {}
    for text in flags.items(name):
        key, equals, value = text.partition("=")
        if not equals:
            raise CliError(f"invalid argument {text!r}: bad format of filter (expected name=value)")
        filters.setdefault(key.strip().lower(), []).append(value.strip())
    return filters
