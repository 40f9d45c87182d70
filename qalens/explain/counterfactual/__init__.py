"""What a change of the question or the text would do."""
