"""``boxship buildx …``."""
