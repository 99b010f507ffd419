"""The CRNN and the engines that run it."""
