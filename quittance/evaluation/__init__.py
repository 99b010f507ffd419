"""Measures the whole chain on labeled receipts."""
