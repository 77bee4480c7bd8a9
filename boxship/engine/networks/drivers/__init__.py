"""Network drivers: one for each way of connecting a container."""
