"""The detector: find text segments on a page."""
