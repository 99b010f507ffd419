"""Documents and pictures, decoded in processes that can be killed."""
