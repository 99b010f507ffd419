"""Corrections that people make to receipts."""
