"""Train and measure the detector. Serving code never imports this folder."""
