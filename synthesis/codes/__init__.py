"""Fiscal and payment codes of made-up purchases, and pictures of receipts that print them."""
