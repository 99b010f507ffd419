"""Code that the trainings share: data sets, recipes, checkpoints, evaluation. Serving code never imports it."""
