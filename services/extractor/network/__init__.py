"""The character-wise LSTM and the engines that run it."""
