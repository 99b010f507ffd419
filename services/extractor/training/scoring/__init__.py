"""Parts of fitting the scoring: the choice among runs of segments, and probabilities kept between fits."""
