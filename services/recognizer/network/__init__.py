"""The CRNN network and the engines that run it."""
