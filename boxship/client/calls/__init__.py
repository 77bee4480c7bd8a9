"""The operations of the Engine API as ``Call`` values: one function each, no IO."""
