"""A reader in one HTML file: the model, its tokenizer and the arithmetic of spans, all computed in the page."""
