"""The event engine beside other programs on the same work: `python -m benchmarks peers`. See README.md in this folder."""
