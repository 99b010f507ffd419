"""How receipts of many countries are read, with accents and currency signs."""
