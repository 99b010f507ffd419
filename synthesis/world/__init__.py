"""Receipts of many countries as labeled text with positions, without pictures: content for training the extractor."""
