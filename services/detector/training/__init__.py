"""Training of the detector; serving code never imports it."""
