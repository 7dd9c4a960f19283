"""Benchmarks: what a history costs on this machine, against the bars of the design. Not part of the package."""
