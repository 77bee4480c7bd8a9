"""The composition roots: the programs of the house. Only they may see every floor."""
