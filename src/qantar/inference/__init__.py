"""Which parameters could have produced the record, found by simulation alone."""
