"""Civil violence (Epstein 2002) on a large lattice: our kernel beside plain C with the same algorithm, and beside Mesa's own example."""
