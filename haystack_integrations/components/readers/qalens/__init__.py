"""qalens in Haystack: the folders above have no `__init__.py`, since many packages share them."""

from haystack_integrations.components.readers.qalens.extractive_reader import QALensExtractiveReader

__all__ = ["QALensExtractiveReader"]
