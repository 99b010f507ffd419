"""Training of the extractor; serving code never imports it."""
