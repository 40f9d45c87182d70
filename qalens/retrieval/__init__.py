"""Finding the documents that a question should be read in: a small BM25 index, and what any retriever has to offer.

A retriever is any object with `search(query, top_k)` that gives documents, best first, in a form that
`provenance.as_document` knows; scores travel in the documents and are kept beside the answer, never mixed into a
probability: a BM25 score says how well words match, not whether an answer is there.

The index here counts words with bm25s. Words are cut by the rules of Unicode, not of English: letters with their marks,
digits, and for scripts without spaces between words each character and each pair of neighbours.
"""

from qalens.retrieval.index import Index
from qalens.retrieval.retriever import Retriever, retrieve
from qalens.retrieval.words import words_of

__all__ = ["Index", "Retriever", "retrieve", "words_of"]
