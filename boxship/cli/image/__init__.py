"""Commands: image."""
