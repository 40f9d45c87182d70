"""The commands `score` and `evaluate`."""
