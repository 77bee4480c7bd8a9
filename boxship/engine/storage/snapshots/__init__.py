"""Snapshot drivers: how layers are stacked into a container's root filesystem."""
