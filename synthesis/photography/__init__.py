"""How a synthetic receipt is worn and photographed."""
