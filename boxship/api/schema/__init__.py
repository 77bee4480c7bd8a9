"""The JSON shapes of the Docker Engine API, one module per object."""
