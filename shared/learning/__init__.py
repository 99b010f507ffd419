"""Datasets, recipes and checkpoints shared by the three trainings."""
