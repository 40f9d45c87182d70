"""Finding the documents that a question should be read in: a small BM25 index, and what any retriever has to offer.

A retriever is any object with `search(query, top_k)` that gives documents, best first, in a form that
`provenance.as_document` knows; scores travel in the documents and are kept beside the answer, never mixed into a
probability: a BM25 score says how well words match, not whether an answer stands there.

The index here counts words with bm25s. Words are cut by the rules of Unicode, not of English: letters with their marks,
digits, and for scripts that put no blanks between words each character and each pair of neighbours.
"""

from __future__ import annotations

import functools
import json
import numbers
import re
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np

from qalens.errors import InputError, MissingExtraError
from qalens.provenance import Document, as_document

_FORMAT = 1
_RECORDS, _ABOUT, _COUNTS = "documents.jsonl", "qalens-index.json", "bm25"
# Han, kana, Thai, Lao, Myanmar and Khmer: scripts that write words without blanks between them.
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003fffd]+"
)


@runtime_checkable
class Retriever(Protocol):
    """What finds documents for a question: an `Index`, a dense retriever, a search engine's client."""

    def search(self, query: str, top_k: int) -> Iterable[Any]:
        """At most `top_k` documents for a question, best first, as `provenance.as_document` takes them."""
        ...


class Index:
    """A BM25 index of documents: build it, save it, load it, search it.

    `build` takes documents as strings, dicts, or Haystack's; `search` gives them back with their scores. Needs the extra
    `retrieval`.

    >>> index = Index.build(["Ada kept the lamp.", {"text": "Tobias slept.", "id": "diary"}])
    >>> [(document.text, document.score > 0) for document in index.search("Who kept the lamp?", 1)]
    [('Ada kept the lamp.', True)]
    """

    def __init__(self, documents: tuple[Document, ...], counts: Any):
        self.documents = documents
        self._counts = counts

    @classmethod
    def build(cls, documents: Iterable[Any]) -> Index:
        """Index documents; an empty one is kept and never found.

        Raises `InputError` for no document at all and for one that is no document, with its place; `MissingExtraError`
        where bm25s is not installed.
        """
        bm25s = _bm25s()
        if isinstance(documents, str | bytes | dict):
            raise InputError(
                f"documents has to be a list of documents, but is one {type(documents).__name__}."
            )
        taken = tuple(_checked(one, d) for d, one in enumerate(documents))
        if not taken:
            raise InputError("There is no document to index; documents is empty.")
        words = [words_of(one.text) for one in taken]
        vocabulary = {word: k for k, word in enumerate(dict.fromkeys(word for one in words for word in one))}
        counts = bm25s.BM25(method="lucene")
        if vocabulary:
            ids = [[vocabulary[word] for word in one] for one in words]
            counts.index((ids, vocabulary), show_progress=False, create_empty_token=False)
        return cls(taken, counts if vocabulary else None)

    def __len__(self) -> int:
        """D, the number of documents."""
        return len(self.documents)

    def search(self, query: str, top_k: int = 10) -> tuple[Document, ...]:
        """The `top_k` documents that share most with the query, best first, each with its BM25 `score`.

        A document without a single word of the query is not among them, so there may be fewer, or none. Equal scores: the
        earlier document. Raises `InputError` for a query that is no str and a `top_k` below 1.
        """
        if not isinstance(query, str):
            raise InputError(f"The query has to be a str, but is of type {type(query).__name__}.")
        check_top_k(top_k)
        counts = self._counts
        words = [] if counts is None else [word for word in words_of(query) if word in counts.vocab_dict]
        if counts is None or not words:
            return ()
        scores = np.asarray(counts.get_scores(words), np.float64)
        order = np.argsort(-scores, kind="stable")[:top_k]
        return tuple(_scored(self.documents[d], float(scores[d])) for d in order if scores[d] > 0)

    def save(self, folder: str | Path) -> Path:
        """Write the index into a folder: documents as JSON lines, counts as plain arrays, nothing pickled.

        Raises `InputError` where an id or meta is not fit for JSON.
        """
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        lines = [_line(one, d) for d, one in enumerate(self.documents)]
        (folder / _RECORDS).write_text("\n".join(lines) + "\n", encoding="utf-8")
        about = {"format": _FORMAT, "documents": len(self), "words": self._counts is not None}
        (folder / _ABOUT).write_text(json.dumps(about), encoding="utf-8")
        if self._counts is not None:
            self._counts.save(folder / _COUNTS, show_progress=False, allow_pickle=False)
        return folder

    @classmethod
    def load(cls, folder: str | Path) -> Index:
        """Read an index that `save` wrote; nothing in the folder is run or unpickled.

        Raises `InputError` where the folder holds no such index.
        """
        bm25s = _bm25s()
        folder = Path(folder)
        try:
            about = json.loads((folder / _ABOUT).read_text(encoding="utf-8"))
            lines = (folder / _RECORDS).read_text(encoding="utf-8").split("\n")[:-1]
            documents = tuple(Document(**json.loads(line)) for line in lines)
            if about["format"] != _FORMAT or about["documents"] != len(documents):
                raise ValueError(f"format {about['format']} of {about['documents']} documents")
            counts = None
            if about["words"]:
                counts = bm25s.BM25.load(folder / _COUNTS, load_corpus=False, allow_pickle=False)
        except (OSError, EOFError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(
                f"{folder} holds no index that this version of qalens wrote ({type(error).__name__}: {error!s:.200}). "
                "Build it again: Index.build(documents).save(folder)."
            ) from error
        return cls(documents, counts)

    def __repr__(self) -> str:
        return f"Index({len(self):,} documents)"


def retrieve(retriever: Retriever, query: str, top_k: int = 10) -> tuple[Document, ...]:
    """What a retriever finds for a question, as documents; at most `top_k` of them.

    Raises `InputError` for an object without `search`, and where it finds nothing.

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
            f"The retriever found no document for {query!r:.120}, so there is nothing to read. An index of words finds a "
            "document only where it shares a word with the question."
        )
    return found


def check_top_k(top_k: int) -> None:
    """Raise `InputError` for a number of documents that cannot be asked for."""
    if isinstance(top_k, bool) or not isinstance(top_k, int) or top_k < 1:
        raise InputError(f"top_k has to be a whole number of documents from 1 on, but is {top_k!r}.")


def words_of(text: str) -> list[str]:
    """The words of a text as the index counts them, in any script.

    Compatibility forms are drawn together (NFKC) and case is folded. A word is a run of letters, marks and digits; where a
    script sets no blanks between words, each character and each pair of neighbours counts as one.

    >>> words_of("Straße, naïve 1871 — 灯台守")
    ['strasse', 'naïve', '1871', '灯', '灯台', '台', '台守', '守']
    """
    found: list[str] = []
    for run in _words().findall(unicodedata.normalize("NFKC", text).casefold()):
        found += _pieces(run)
    return found


def _pieces(run: str) -> Iterator[str]:
    """A run of letters as it is; a stretch without word boundaries as characters and pairs."""
    at = 0
    for stretch in _UNSPACED.finditer(run):
        if stretch.start() > at:
            yield run[at : stretch.start()]
        letters = re.findall(rf".[{_marks()}]*", stretch[0])
        for k, letter in enumerate(letters):
            yield letter
            if k + 1 < len(letters):
                yield letter + letters[k + 1]
        at = stretch.end()
    if at < len(run):
        yield run[at:]


@functools.cache
def _words() -> re.Pattern[str]:
    # Python's \w knows no marks, so a word of Hindi or Thai would fall apart at every vowel sign.
    return re.compile(rf"(?:[^\W_][{_marks()}]*)+")


@functools.cache
def _marks() -> str:
    """All combining marks and joiners, ready to stand in a character class."""
    marks = (chr(c) for c in range(0x300, 0x1F000) if unicodedata.category(chr(c)).startswith("M"))
    return "\u200c\u200d" + "".join(marks)


def _bm25s() -> Any:
    try:
        import bm25s
    except ImportError as error:
        raise MissingExtraError(
            "An index of words needs the package bm25s, which is not installed: "
            'pip install "qalens[retrieval]". Any object with search(query, top_k) can stand in its place.'
        ) from error
    return bm25s


def _checked(given: Any, d: int) -> Document:
    try:
        document = as_document(given)
    except InputError as error:
        raise InputError(f"Document {d} cannot be indexed. {error}") from error
    if document.text is None:
        return Document("", document.id, document.meta)
    if not isinstance(document.text, str):
        raise InputError(
            f"Document {d} cannot be indexed: its text is of type {type(document.text).__name__}."
        )
    return document


def _scored(document: Document, score: float) -> Document:
    return Document(document.text, document.id, document.meta, score)


def _found(given: Any) -> Document:
    """A document as a retriever gives it, or a pair of a document and its score."""
    if not isinstance(given, tuple):
        return as_document(given)
    if len(given) != 2 or isinstance(given[1], bool) or not isinstance(given[1], numbers.Real):
        raise InputError(
            f"A retriever gives documents or (document, score) pairs, but this one gave {given!r:.120}."
        )
    return _scored(as_document(given[0]), float(given[1]))


def _line(document: Document, d: int) -> str:
    record = {"text": document.text, "id": document.id, "meta": dict(document.meta)}
    try:
        return json.dumps(record, ensure_ascii=True, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"Document {d} cannot be saved, since its id or meta is not fit for JSON: {error}"
        ) from error
