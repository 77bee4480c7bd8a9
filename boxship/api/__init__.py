"""The Docker Engine API: HTTP on one side, the engine's services on the other.

Read ``operations.py`` first: one row per operation. ``router`` finds the row, ``server`` and
``connection`` carry the bytes, ``routes/<object>.py`` holds one handler per row, ``schema`` the
JSON shapes, ``convert`` the translation between domain types and those shapes.
"""
