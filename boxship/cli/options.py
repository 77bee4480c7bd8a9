"""The global flags, in front of the command, and the environment variables beside them."""

import os

from boxship.cli.configfile import ConfigFile
from boxship.cli.errors import EXIT_USAGE, CliError
from boxship.cli.flags import Flag, Flags
from boxship.client.endpoint import DEFAULT_HOST, Endpoint, TlsConfig, parse_endpoint

GLOBAL_FLAGS = (
    Flag("config", "", "string", "Location of client config files"),
    Flag(
        "context",
        "c",
        "string",
        "Name of the context to use to connect to the daemon (overrides DOCKER_HOST env var and "
        'default context set with "boxship context use")',
    ),
    Flag("debug", "D", "bool", "Enable debug mode"),
    Flag("host", "H", "list", "Daemon socket to connect to"),
    Flag(
        "log-level",
        "l",
        "string",
        'Set the logging level ("debug", "info", "warn", "error", "fatal")',
        default="info",
    ),
    Flag("tls", "", "bool", "Use TLS; implied by --tlsverify"),
    Flag("tlscacert", "", "string", "Trust certs signed only by this CA"),
    Flag("tlscert", "", "string", "Path to TLS certificate file"),
    Flag("tlskey", "", "string", "Path to TLS key file"),
    Flag("tlsverify", "", "bool", "Use TLS and verify the remote"),
    Flag("version", "v", "bool", "Print version information and quit"),
)
DEFAULT_CONTEXT = "default"
_LOG_LEVELS = ("debug", "info", "warn", "error", "fatal")


class Options:
    """What the global flags and the environment amount to.

    endpoint: where the daemon is. is_default_host: nobody named one, so it may be started.
    default_endpoint: where it is in the context ``default``. context: name of the one in use.
    api_version: pinned version or empty. config: config.json, in the directory config_dir.
    """

    __slots__ = (
        "api_version",
        "config",
        "config_dir",
        "context",
        "debug",
        "default_endpoint",
        "endpoint",
        "is_default_host",
    )

    def __init__(self, flags: Flags) -> None:
        environment = os.environ
        self.config_dir = (
            flags.text("config")
            or environment.get("DOCKER_CONFIG")
            or os.path.join(os.path.expanduser("~"), ".docker")
        )
        self.debug = flags.on("debug")
        self.api_version = environment.get("DOCKER_API_VERSION", "").removeprefix("v")
        _check(flags)
        self.config = ConfigFile.load(self.config_dir)
        host = _host(flags)
        self.context = self._context(flags, host)
        self.default_endpoint = parse_endpoint(host or DEFAULT_HOST, self._tls(flags))
        self.endpoint = self._endpoint()
        self.is_default_host = not host and self.context == DEFAULT_CONTEXT

    def _context(self, flags: Flags, host: str) -> str:
        """The name of the context in use, by Docker's order of precedence."""
        if flags.text("context"):
            return flags.text("context")
        if host:
            return DEFAULT_CONTEXT
        named = os.environ.get("DOCKER_CONTEXT") or self.config.text("currentContext")
        return named or DEFAULT_CONTEXT

    def _endpoint(self) -> Endpoint:
        if self.context == DEFAULT_CONTEXT:
            return self.default_endpoint
        from boxship.cli.context.store import ContextStore

        return ContextStore(self.config_dir).get(self.context).endpoint()

    def _tls(self, flags: Flags) -> TlsConfig | None:
        verify_by_environment = bool(os.environ.get("DOCKER_TLS_VERIFY"))
        verify = flags.on("tlsverify") if flags.changed("tlsverify") else verify_by_environment
        named = any(flags.changed(name) for name in ("tlscacert", "tlscert", "tlskey"))
        if not (verify or flags.on("tls") or named):
            return None
        directory = os.environ.get("DOCKER_CERT_PATH") or self.config_dir

        def path(name: str, file_name: str) -> str:
            given = flags.text(name)
            default = os.path.join(directory, file_name)
            return given or (default if os.path.exists(default) else "")

        ca, cert = path("tlscacert", "ca.pem"), path("tlscert", "cert.pem")
        return TlsConfig(ca, cert, path("tlskey", "key.pem"), verify=verify)


def _check(flags: Flags) -> None:
    if flags.text("context") and flags.items("host"):
        raise CliError("conflicting options: cannot specify both --host and --context")
    if flags.text("log-level") not in _LOG_LEVELS:
        level = flags.text("log-level")
        raise CliError(f"unable to parse logging level: {level}", EXIT_USAGE)
    if len(flags.items("host")) > 1:
        raise CliError("specify only one -H")


def _host(flags: Flags) -> str:
    """The daemon's address as the user gave it; empty when nobody did."""
    hosts = flags.items("host")
    if hosts:
        return hosts[0]
    return os.environ.get("BOXSHIP_HOST") or os.environ.get("DOCKER_HOST", "")
