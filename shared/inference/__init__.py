"""Engines, devices and weights shared by the three networks."""
