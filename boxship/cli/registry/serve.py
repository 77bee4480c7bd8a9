"""``boxship registry serve``."""

from boxship.cli.flags import Flag, Flags
from boxship.cli.registry.program import COMMON, run_program
from boxship.cli.session import Cli

USAGE = "[OPTIONS]"
ARGS: tuple[int, int | None] = (0, 0)
FLAGS = (
    *COMMON,
    Flag("addr", "", "string", "Address to serve on, as HOST:PORT", default="127.0.0.1:5000"),
    Flag("allow-insecure-http", "", "bool", "Serve plain HTTP to other machines as well"),
    Flag("tls-cert", "", "string", "Certificate file; makes the registry serve HTTPS"),
    Flag("tls-key", "", "string", "Key file of the certificate"),
    Flag("tls-client-ca", "", "string", "Serve only clients with a certificate of these CAs"),
    Flag(
        "auth",
        "",
        "string",
        "Who may use it: htpasswd:FILE or token:realm=URL,service=NAME,issuer=NAME,keys=FILE",
    ),
    Flag("anonymous-pull", "", "bool", "With --auth: let everybody pull"),
    Flag("proxy-to", "", "string", "Be a cache of the registry at this URL"),
    Flag("proxy-auth", "", "string", "File with USER:PASSWORD for that registry"),
    Flag("proxy-max-size", "", "string", "Keep the cache below this size", shown="bytes"),
    Flag("proxy-ttl", "", "string", "Drop what was not used for so long", shown="duration"),
    Flag("read-only", "", "bool", "Refuse pushes and deletions"),
    Flag("allow-sparse", "", "bool", "Take manifests whose content is not here"),
    Flag("gc-interval", "", "string", "Collect garbage this often", shown="duration"),
    Flag("max-blob-size", "", "string", "Refuse larger blobs", shown="bytes"),
    Flag("max-uploads", "", "int", "How many uploads may arrive at once", default=64),
    Flag(
        "stall-timeout",
        "",
        "string",
        "Leave a client that sends nothing of an upload for so long",
        default="5m",
        shown="duration",
    ),
    Flag("min-chunk", "", "string", "Ask clients for pieces of at least this size", shown="bytes"),
)


def run(_cli: Cli, flags: Flags, _args: list[str]) -> int:
    """Serve a registry until it is told to end."""
    return run_program("serve", flags, FLAGS)
