"""Decoding and memory of pictures."""
