"""``boxship system dial-stdio``: the daemon's connection on stdin and stdout (for ssh://)."""

import _thread
import os

from boxship.cli.flags import Flag, Flags
from boxship.cli.relay import write_all
from boxship.cli.session import Cli
from boxship.cli.terminal import STDIN, STDOUT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from boxship.client.transports import Transport

USAGE = ""
ARGS: tuple[int, int | None] = (0, 0)
FLAGS: tuple[Flag, ...] = ()
_BLOCK = 65536


def run(cli: Cli, flags: Flags, args: list[str]) -> int:
    """Carry bytes both ways until the daemon closes; closing stdin half-closes the connection."""
    transport = cli.connect()
    _thread.start_new_thread(_send, (transport,))
    while data := transport.recv(_BLOCK):
        write_all(STDOUT, data)
    transport.close()
    return 0


def _send(transport: "Transport") -> None:
    try:
        while data := os.read(STDIN, _BLOCK):
            transport.sendall(data)
    except OSError:  # the daemon has closed; the receiving side sees that too
        pass
    transport.shutdown_write()
