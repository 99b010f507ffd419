"""The recognizer: read the text of segments."""
