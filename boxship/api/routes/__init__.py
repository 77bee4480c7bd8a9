"""Handlers: one coroutine per row of ``boxship.api.operations``, one module per object."""
