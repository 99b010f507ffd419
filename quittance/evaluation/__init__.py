"""Measures of the whole chain on labeled receipts."""
