"""``boxship port``."""

from boxship.cli.errors import CliError
from boxship.cli.flags import Flag, Flags
from boxship.cli.session import Cli
from boxship.client.calls.containers import container_inspect

USAGE = "CONTAINER [PRIVATE_PORT[/PROTO]]"
ARGS: tuple[int, int | None] = (1, 2)
FLAGS: tuple[Flag, ...] = ()


def run(cli: Cli, flags: Flags, args: list[str]) -> int:
    """Print where the container's ports are published."""
    container = cli.json(container_inspect(args[0]))
    ports = (container.get("NetworkSettings") or {}).get("Ports") or {}
    if len(args) == 1:
        lines = [
            f"{port} -> {_address(binding)}"
            for port, bindings in ports.items()
            for binding in bindings or []
        ]
        cli.write("".join(f"{line}\n" for line in sorted(lines, key=_order)))
        return 0
    port, _, protocol = args[1].partition("/")
    bindings = ports.get(f"{port}/{protocol or 'tcp'}")
    if not bindings:
        raise CliError(f"no public port '{args[1]}' published for {args[0]}")
    cli.write("".join(f"{_address(binding)}\n" for binding in bindings))
    return 0


def _address(binding: dict[str, str]) -> str:
    address = binding.get("HostIp", "")
    return (
        f"[{address}]:{binding['HostPort']}"
        if ":" in address
        else (f"{address}:{binding['HostPort']}")
    )


def _order(line: str) -> tuple[int, str]:
    port = line.partition("/")[0]
    return int(port) if port.isdecimal() else 0, line
