"""What receipts usually say: a character language model, and the search that weighs it against what was seen."""
