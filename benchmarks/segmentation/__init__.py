"""Fit and measure the model that groups the words of a page into lines."""
