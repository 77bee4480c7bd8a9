"""Commands: network."""
