"""How the files of a job arrive."""
