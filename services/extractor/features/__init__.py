"""Inputs of the network beside the characters and their layout: numbers with their arithmetic, and words."""
