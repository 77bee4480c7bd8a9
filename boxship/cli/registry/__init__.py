"""Commands: registry."""
