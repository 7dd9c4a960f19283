"""Studies: many histories, kept, summarized and compared with the record."""
