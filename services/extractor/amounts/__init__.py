"""Details of amounts: their currency signs, and decimal separators that were not read."""
