"""The built-in tests, and the words and examples that they are made of."""
