"""Many histories: recipes, the durable store, processes, arrays of what came."""
