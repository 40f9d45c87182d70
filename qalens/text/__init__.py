"""Texts, questions and documents, and how they are cut into windows of tokens."""
