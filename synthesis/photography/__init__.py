"""Wear a synthetic receipt and turn it into a picture."""
