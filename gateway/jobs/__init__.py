"""Batches of receipts that are read in the background."""
