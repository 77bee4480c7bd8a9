"""An engine on another host, reached as ``docker -H ssh://`` does: its own dial-stdio over ssh."""

import socket
import subprocess

from boxship.client.endpoint import Endpoint
from boxship.client.transports import SocketTransport

TYPE_CHECKING = False
if TYPE_CHECKING:
    from boxship.client.transports import Transport

REMOTE_COMMAND = ("boxship", "system", "dial-stdio")


def ssh_command(endpoint: Endpoint) -> list[str]:
    """The command line whose stdin and stdout are the connection."""
    port = ["-p", str(endpoint.port)] if endpoint.port else []
    return ["ssh", "-o", "ConnectTimeout=30", "-T", *port, "--", endpoint.address, *REMOTE_COMMAND]


def connect_ssh(endpoint: Endpoint) -> "Transport":
    """Start ssh. Raises OSError when there is no ssh program; ssh's own errors go to stderr."""
    ours, theirs = socket.socketpair()
    with theirs:
        try:
            process = subprocess.Popen(
                ssh_command(endpoint),
                stdin=theirs.fileno(),
                stdout=theirs.fileno(),
                start_new_session=True,
            )
        except BaseException:
            ours.close()
            raise
    return _SshTransport(ours, process)


class _SshTransport(SocketTransport):
    """The near end of a socket pair whose far end is ssh's stdin and stdout."""

    __slots__ = ("_process",)

    def __init__(self, sock: socket.socket, process: "subprocess.Popen[bytes]") -> None:
        super().__init__(sock)
        self._process = process

    def close(self) -> None:
        """Close the connection; ssh then ends by itself and is reaped."""
        super().close()
        self._process.terminate()
        self._process.wait()
