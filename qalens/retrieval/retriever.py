"""What any retriever has to offer, and how it is asked: documents, best first, for a question."""

from __future__ import annotations

import numbers
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Protocol, runtime_checkable

from qalens.checks import is_whole
from qalens.errors import InputError, shown
from qalens.readings.provenance import Document, as_document


@runtime_checkable
class Retriever(Protocol):
    """The interface of a retriever: an `Index`, a dense retriever or the client of a search engine.

    Examples
    --------
    >>> class Newest:
    ...     def search(self, query, top_k):
    ...         return ["Tobias slept.", "Ada kept the lamp."][:top_k]
    >>> isinstance(Newest(), Retriever)
    True
    """

    def search(self, query: str, top_k: int) -> Iterable[Any]:
        """Find documents for a question.

        Parameters
        ----------
        query : str
            The question.
        top_k : int
            How many documents at most.

        Returns
        -------
        iterable of object
            Best first, in any form that `provenance.as_document` accepts.
        """
        ...


def retrieve(retriever: Retriever, query: str, top_k: int = 10) -> tuple[Document, ...]:
    """The documents that a retriever finds for a question.

    Parameters
    ----------
    retriever : Retriever
        An object with `search(query, top_k)`.
    query : str
        The question.
    top_k : int, default 10
        How many documents at most.

    Returns
    -------
    tuple of Document

    Raises
    ------
    InputError
        For an object without `search`, and for a search without a result.

    Examples
    --------
    >>> from qalens.retrieval import Index
    >>> retrieve(Index.build(["Ada kept the lamp.", "Tobias slept."]), "Who slept?", 5)[0].text
    'Tobias slept.'
    """
    if not callable(getattr(retriever, "search", None)):
        raise InputError(
            f"A retriever needs a method search(query, top_k), and {type(retriever).__name__} has none. "
            "Index.build(documents) makes one from a list of documents."
        )
    check_top_k(top_k)
    found = tuple(_found(one) for one in retriever.search(query, top_k))[:top_k]
    if not found:
        raise InputError(
            f"The retriever found no document for {shown(query)}, so there is nothing to read. An index of words finds a "
            "document only where it shares a word with the question."
        )
    return found


def check_top_k(top_k: int) -> None:
    """Check a number of documents.

    Parameters
    ----------
    top_k : int
        A whole number from 1 on.

    Raises
    ------
    InputError
        For anything else.
    """
    if not is_whole(top_k, 1):
        raise InputError(f"top_k has to be a whole number of documents from 1 on, but is {shown(top_k)}.")


def _found(given: Any) -> Document:
    """A document as a retriever gives it, or a pair of a document and its score."""
    if not isinstance(given, tuple):
        return as_document(given)
    if len(given) != 2 or isinstance(given[1], bool) or not isinstance(given[1], numbers.Real):
        raise InputError(
            f"A retriever gives documents or (document, score) pairs, but this one gave {shown(given)}."
        )
    return replace(as_document(given[0]), score=float(given[1]))
