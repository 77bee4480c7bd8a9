"""The HTTP face of a registry of one's own (opencontainers/distribution-spec 1.1)."""
