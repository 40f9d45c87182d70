"""Promises instead of numbers: sets that hold the answer, thresholds that keep a risk, and when a promise is off."""
