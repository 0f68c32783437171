"""Learn: the catalogue of scenarios, run for real."""
