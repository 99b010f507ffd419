"""Caches and databases."""
