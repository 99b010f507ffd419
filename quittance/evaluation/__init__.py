"""Measures of the whole chain on labelled receipts."""
