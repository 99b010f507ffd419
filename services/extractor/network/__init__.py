"""The character LSTM and the engines that run it."""
