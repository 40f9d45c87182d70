"""Text in figures: fonts, lines that are broken as in a page, and words with marks."""
