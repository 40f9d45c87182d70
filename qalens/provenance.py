"""A document of a collection, in whichever form it comes, and an answer that knows where it stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from qalens.errors import InputError
from qalens.spans import Answer

_TEXT_KEYS = ("content", "text", "context")
_OWN_KEYS = (*_TEXT_KEYS, "id", "meta", "score")


@dataclass(frozen=True, slots=True, eq=False)
class Document:
    """One document of a collection: its text, and where it comes from.

    - `text`: what is read; None where there is none
    - `id`: what the document is called, None where it has no name
    - `meta`: whatever else is known of it
    - `score`: what a retriever gave it; kept, and never mixed into a probability

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


@dataclass(frozen=True, slots=True)
class DocumentAnswer(Answer):
    """An answer and the document it stands in; `text == source.text[span.start:span.end]`, always.

    `probability` is P(span) in the one distribution over all documents, `document` the number of the document, `window`
    and `tokens` count in the reading of that document.
    """

    document: int
    source: Document

    @property
    def id(self) -> Any:
        """The id of the document."""
        return self.source.id

    @property
    def meta(self) -> Mapping[str, Any]:
        """What else is known of the document."""
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
    """A document in whichever form it comes, as a `Document`.

    - a str is its text
    - a dict holds the text under "content", "text" or "context"; "id", "meta" and "score" are taken as they are, and every
      other key is kept in `meta`
    - anything with an attribute `content`, as Haystack's `Document`, gives that, its `id`, `meta` and `score`

    Raises `InputError` for anything else. A text that is None or empty is only refused when it is read.

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
        f"is of type {type(given).__name__}: {given!r:.80}"
    )


def _from_mapping(given: Mapping[str, Any]) -> Document:
    present = [key for key in _TEXT_KEYS if key in given]
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
            f"The meta of a document has to be a dict, but is of type {type(meta).__name__}: {meta!r:.80}"
        )
    return meta


def _score(score: Any) -> float | None:
    if score is None:
        return None
    try:
        return float(score)
    except (TypeError, ValueError) as error:
        raise InputError(f"The score of a document has to be a number, but is {score!r:.80}") from error
