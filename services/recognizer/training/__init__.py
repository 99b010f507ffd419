"""Training of the recognizer; serving code never imports it."""
