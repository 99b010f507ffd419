"""Several receipts in one file, and several pictures of one receipt."""
