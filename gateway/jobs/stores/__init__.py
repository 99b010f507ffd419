"""Stores of jobs and their results."""
