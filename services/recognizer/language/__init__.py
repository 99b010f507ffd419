"""Character n-gram language model of receipts, and the search that uses it."""
