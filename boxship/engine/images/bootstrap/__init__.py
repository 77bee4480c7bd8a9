"""Base images out of a Linux distribution's packages, with no container registry."""
