"""Many machines, shown on one: `python -m benchmarks.cluster kills|slow|pace` (docs/how-to/scale.md)."""
