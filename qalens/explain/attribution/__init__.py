"""What each token contributed to a target."""
