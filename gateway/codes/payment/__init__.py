"""Codes that request a payment; one module per standard."""
