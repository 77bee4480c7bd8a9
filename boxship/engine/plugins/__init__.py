"""Helper processes that somebody else brings: Docker's plugin protocol, version 1."""
