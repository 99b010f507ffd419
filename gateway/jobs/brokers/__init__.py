"""Queues that hand job files to workers."""
