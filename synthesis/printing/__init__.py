"""How a synthetic receipt is laid out and printed."""
