"""Lay out and print a synthetic receipt."""
