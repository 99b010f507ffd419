"""Calls that tell another system that a job has ended."""
