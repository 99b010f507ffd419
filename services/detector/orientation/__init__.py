"""Find the orientation and skew of a page and straighten it."""
