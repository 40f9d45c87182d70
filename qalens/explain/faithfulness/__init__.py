"""Whether the words that an attribution names matter to the model."""
