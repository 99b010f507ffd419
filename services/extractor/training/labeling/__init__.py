"""Labels for the characters of receipts, from datasets that label each in its own way. Training only."""
