"""Volume drivers: where the files of a volume come from."""
