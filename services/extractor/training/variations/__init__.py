"""Variations of labeled receipts: what other shops, printers and readers would make of them. Training only."""
