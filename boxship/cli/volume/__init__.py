"""Commands: volume."""
