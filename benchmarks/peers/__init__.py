"""Compares the chain with other OCR engines, on the same receipts in the same run: `python -m benchmarks.peers`."""
