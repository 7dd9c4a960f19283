"""Countries and their records: the packaged cases and how a case is read."""
