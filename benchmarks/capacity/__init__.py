"""Measures what a receipt costs in each stage, and derives how many machines a number of receipts needs."""
