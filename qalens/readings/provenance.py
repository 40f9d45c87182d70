"""A document of a collection, in any form, and an answer that knows its document."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from qalens.errors import InputError, shown
from qalens.records import brief
from qalens.spans.distribution import Answer
from qalens.text.tables import is_missing

_TEXT_KEYS = ("content", "text", "context")
_OWN_KEYS = (*_TEXT_KEYS, "id", "meta", "score")


@dataclass(frozen=True, slots=True, eq=False)
class Document:
    """One document of a collection: its text and its origin.

    Attributes
    ----------
    text : object
        What is read; None if there is none.
    id : object, default None
        The name of the document, None if it has no name.
    meta : mapping of str to object
        Whatever else is known about it.
    score : float or None, default None
        The score of a retriever; it is kept and never mixed into a probability.

    Examples
    --------
    >>> Document("Ada kept the lamp.", id="logbook").id
    'logbook'
    """

    text: Any
    id: Any = None
    meta: Mapping[str, Any] = field(default_factory=dict)
    score: float | None = None

    def __repr__(self) -> str:
        name = "" if self.id is None else f", id={self.id!r}"
        return f"Document({self.text!r:.60}{name})"


@brief
@dataclass(frozen=True, slots=True)
class DocumentAnswer(Answer):
    """An answer and its document; `text == source.text[span.start:span.end]`, always.

    `probability` is P(span) in the joint distribution over all documents; `window` and `tokens` count in the reading
    of the document.

    Attributes
    ----------
    document : int
        The index of the document.
    source : Document
        The document.
    """

    document: int
    source: Document

    @property
    def id(self) -> Any:
        """The id of the document."""
        return self.source.id

    @property
    def meta(self) -> Mapping[str, Any]:
        """What else is known about the document."""
        return self.source.meta

    def to_dict(self) -> dict[str, Any]:
        """The answer and the id of its document as plain numbers and strings, ready for JSON."""
        return {
            "text": self.text,
            "start": self.span.start,
            "end": self.span.end,
            "probability": self.probability,
            "score": self.score,
            "document": self.document,
            "id": None if self.id is None else str(self.id),
            "window": self.window,
        }


def as_document(given: Any) -> Document:
    """Make a `Document` of a document in any form.

    A text that is None or empty is only refused when it is read.

    Parameters
    ----------
    given : object
        A str is the text. A dict holds the text under "content", "text" or "context"; "id", "meta" and "score" are
        taken as they are, and every other key goes into `meta`. An object with an attribute `content`, such as
        Haystack's `Document`, gives that, its `id`, `meta` and `score`.

    Returns
    -------
    Document

    Raises
    ------
    InputError
        For anything else.

    Examples
    --------
    >>> as_document({"text": "Ada kept the lamp.", "id": 7, "page": 3}).meta
    {'page': 3}
    """
    if isinstance(given, Document):
        return given
    if isinstance(given, str):
        return Document(given)
    if isinstance(given, Mapping):
        return _from_mapping(given)
    if hasattr(given, "content"):
        meta, score = getattr(given, "meta", None), getattr(given, "score", None)
        return Document(
            given.content, getattr(given, "id", None), _meta({} if meta is None else meta), _score(score)
        )
    raise InputError(
        "A document has to be a str, a dict with its text under 'content', or an object with an attribute content, but "
        f"is of type {type(given).__name__}: {shown(given)}"
    )


def copies_of(documents: Sequence[Document]) -> dict[int, int]:
    """Find the documents that were given before.

    Documents are the same if their id and text are; without ids, if their text and meta are.

    Parameters
    ----------
    documents : sequence of Document
        The documents.

    Returns
    -------
    dict of int to int
        The index of the first document, by the index of its copy.

    Examples
    --------
    >>> copies_of([Document("Ada kept it.", id="a"), Document("Ada kept it.", id="b"), Document("Ada kept it.", id="a")])
    {2: 0}
    """
    seen: dict[tuple[str, str, str], int] = {}
    copies = {}
    for d, document in enumerate(documents):
        if not isinstance(document.text, str):
            continue
        known = repr(document.meta) if document.id is None else ""
        first = seen.setdefault((document.text, repr(document.id), known), d)
        if first != d:
            copies[d] = first
    return copies


def _from_mapping(given: Mapping[str, Any]) -> Document:
    present = [key for key in _TEXT_KEYS if key in given]
    given = {key: None if is_missing(value) else value for key, value in given.items()}
    if len(present) != 1:
        raise InputError(
            f"A dict as a document needs its text under one of {', '.join(map(repr, _TEXT_KEYS))}, but has "
            f"{' and '.join(map(repr, present)) or 'none of them'}; its keys are {', '.join(map(repr, given))}."
        )
    rest = {key: value for key, value in given.items() if key not in _OWN_KEYS}
    meta = given.get("meta")
    return Document(
        given[present[0]],
        given.get("id"),
        rest | dict(_meta({} if meta is None else meta)),
        _score(given.get("score")),
    )


def _meta(meta: Any) -> Mapping[str, Any]:
    if not isinstance(meta, Mapping):
        raise InputError(
            f"The meta of a document has to be a dict, but is of type {type(meta).__name__}: {shown(meta)}"
        )
    return meta


def _score(score: Any) -> float | None:
    if score is None:
        return None
    try:
        return float(score)
    except (TypeError, ValueError) as error:
        raise InputError(f"The score of a document has to be a number, but is {shown(score)}") from error
