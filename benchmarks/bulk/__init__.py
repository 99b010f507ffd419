"""Measures bulk extraction; see `python -m benchmarks.bulk --help`."""
