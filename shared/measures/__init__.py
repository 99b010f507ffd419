"""Measures of text localization, recognition, field extraction and confidence."""
