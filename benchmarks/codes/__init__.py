"""How codes on receipts are read."""
