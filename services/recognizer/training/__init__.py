"""Train and measure the recognizer. Serving code never imports this folder."""
