"""A registry of one's own: what the distribution specification promises, without HTTP.

The tables are in one sqlite file and the contents in a tree of files named by their digests. Files
alone would do for a push and a pull, but not for pages of tags, for referrers, or for a collection
that runs beside pushes: those want an index and transactions, and sqlite has both.
"""
