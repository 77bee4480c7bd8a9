"""OCI image documents and their Docker schema 2 twins (opencontainers/image-spec)."""
