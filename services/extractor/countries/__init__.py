"""Habits of single countries, each in a module that its name belongs to."""
