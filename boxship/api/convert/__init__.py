"""Translation between domain types and the JSON shapes, one module per object."""
