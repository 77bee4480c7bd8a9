"""Commands: container."""
