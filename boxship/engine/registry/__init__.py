"""Client of the distribution API (opencontainers/distribution-spec)."""
