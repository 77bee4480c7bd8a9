"""The context in use, and contexts by name with ``default`` among them."""

import os

from boxship.cli.context.store import TLS_FILES, Context, ContextStore
from boxship.cli.options import DEFAULT_CONTEXT
from boxship.cli.session import Cli

DEFAULT_DESCRIPTION = "Current DOCKER_HOST based configuration"


def load_context(cli: Cli, name: str) -> Context:
    """Read a context; ``default`` is what the flags and the environment amount to.

    Raises CliError without it.
    """
    if name != DEFAULT_CONTEXT:
        return ContextStore(cli.options.config_dir).get(name)
    endpoint = cli.options.default_endpoint
    tls, skip = {}, False
    if endpoint.tls is not None:
        paths = (endpoint.tls.ca, endpoint.tls.cert, endpoint.tls.key)
        tls = {name: path for name, path in zip(TLS_FILES.values(), paths, strict=True) if path}
        skip = not endpoint.tls.verify
    return Context(DEFAULT_CONTEXT, endpoint.url, {}, skip_tls_verify=skip, tls=tls)


def set_current(cli: Cli, name: str) -> None:
    """Use a context from the next command on."""
    if name == DEFAULT_CONTEXT:
        cli.config.document.pop("currentContext", None)
    else:
        cli.config.document["currentContext"] = name
    cli.config.save()


def warn_of_environment(cli: Cli) -> None:
    """Say so where the environment wins over the chosen context."""
    for variable in ("BOXSHIP_HOST", "DOCKER_HOST"):
        if os.environ.get(variable):
            cli.warn(
                f"Warning: {variable} environment variable overrides the active context. To use a "
                f"context, either set the global --context flag, or unset {variable} environment "
                "variable."
            )
