"""The engines: residents under rates, by the plain mathematics, by events, or in the mean."""
