"""An index of words over documents, scored by BM25; it can be saved, and is read without running anything of the folder."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import shutil
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock

from qalens.errors import InputError, MissingExtraError, shown
from qalens.files import DAMAGE, as_path, is_of_the_system, sync_file, write_file, writing
from qalens.readings.provenance import Document, as_document
from qalens.retrieval.retriever import check_top_k
from qalens.retrieval.words import words_of
from qalens.text.tables import rows_of_table

_FORMAT = 2
_RECORDS, _ABOUT, _COUNTS, _LOCK = "documents.jsonl", "qalens-index.json", "bm25", "lock"


class Index:
    """A BM25 index of documents that can be built, saved, loaded and searched.

    `build` takes documents as strings, dicts or Haystack documents; `search` returns them with their scores. Needs
    the extra `retrieval`.

    References
    ----------
    Robertson and Zaragoza 2009; computed by the package bm25s.

    Examples
    --------
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

        Parameters
        ----------
        documents : iterable of object
            Documents in any form that `provenance.as_document` accepts.

        Returns
        -------
        Index

        Raises
        ------
        InputError
            For no documents, and for one that is not a document, with its position.
        MissingExtraError
            For a missing bm25s.
        """
        bm25s = _bm25s()
        table = rows_of_table(documents)
        if table is not None:
            documents = table
        elif isinstance(documents, str | bytes | dict):
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
        """Find the documents that share most with a query, best first, each with its BM25 `score`.

        A document without any word of the query is not returned. Among equal scores the earlier document comes first.

        Parameters
        ----------
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
            For a query that is not a str, and a `top_k` below 1.
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
        return tuple(replace(self.documents[d], score=float(scores[d])) for d in order if scores[d] > 0)

    def save(self, folder: str | Path) -> Path:
        """Write the index into a folder: documents as JSON lines, counts as plain arrays, nothing pickled.

        An existing index is kept until the new one is complete; what is loaded is always one or the other.

        Parameters
        ----------
        folder : str or Path
            The folder.

        Returns
        -------
        Path
            The folder.

        Raises
        ------
        InputError
            For an id or meta that JSON cannot hold.
        QalensError
            For a folder that cannot be written.
        """
        folder = as_path(folder, "The folder of an index")
        lines = [_line(one, d) for d, one in enumerate(self.documents)]
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
            with FileLock(folder / _LOCK):
                self._save(folder, lines)
        return folder

    def _save(self, folder: Path, lines: list[str]) -> None:
        """Write all files into a folder of their own, and name that folder, in one step, as the one that counts."""
        part = folder / f"part-{secrets.token_hex(6)}"
        part.mkdir()
        write_file(part / _RECORDS, "\n".join(lines) + "\n")
        if self._counts is not None:
            self._counts.save(part / _COUNTS, show_progress=False, allow_pickle=False)
        files = _digests(part)
        for name in files:
            sync_file(part / name)
        about = {"format": _FORMAT, "documents": len(self), "part": part.name, "sha256": files}
        write_file(folder / _ABOUT, json.dumps(about, indent=2) + "\n")
        for old in folder.glob("part-*"):
            if old != part:
                shutil.rmtree(old, ignore_errors=True)

    @classmethod
    def load(cls, folder: str | Path) -> Index:
        """Read an index that `save` wrote; nothing in the folder is executed or unpickled.

        Parameters
        ----------
        folder : str or Path
            The folder.

        Returns
        -------
        Index

        Raises
        ------
        InputError
            For a folder without such an index, or with a file that was changed by a single bit.
        """
        bm25s = _bm25s()
        folder = as_path(folder, "The folder of an index")
        try:
            about = json.loads((folder / _ABOUT).read_text(encoding="utf-8"))
            if about["format"] != _FORMAT or not re.fullmatch("part-[0-9a-f]+", about["part"]):
                raise ValueError(f"format {shown(about['format'])}, part {shown(about['part'])}")
            part = folder / about["part"]
            if about["sha256"] != _digests(part):
                raise ValueError("its files are not those that were written")
            lines = (part / _RECORDS).read_text(encoding="utf-8").split("\n")[:-1]
            documents = tuple(_document(json.loads(line)) for line in lines)
            counts = None
            if (part / _COUNTS).is_dir():
                counts = bm25s.BM25.load(part / _COUNTS, load_corpus=False, allow_pickle=False)
                _check_counts(counts, len(documents))
            if about["documents"] != len(documents):
                raise ValueError(f"{len(documents)} of {shown(about['documents'])} documents")
        except (OSError, MemoryError, *DAMAGE) as error:
            raise InputError(
                f"{folder} holds no index that this version of qalens wrote ({type(error).__name__}: {error!s:.200}). "
                "Build it again: Index.build(documents).save(folder)."
            ) from error
        return cls(documents, counts)

    def __repr__(self) -> str:
        return f"Index({len(self):,} documents)"


def _bm25s() -> Any:
    try:
        import bm25s
    except ImportError as error:
        raise MissingExtraError(
            "An index of words needs the package bm25s, which is not installed: "
            'pip install "qalens[retrieval]". Any object with search(query, top_k) can take its place.'
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


def _digests(part: Path) -> dict[str, str]:
    """The checksum of each file under a folder, by its name there."""
    found = {}
    for path in sorted(path for path in part.rglob("*") if path.is_file()):
        if is_of_the_system(path.name):
            continue
        with path.open("rb") as file:
            found[path.relative_to(part).as_posix()] = hashlib.file_digest(file, "sha256").hexdigest()
    return found


def _document(record: Any) -> Document:
    """A document as `_line` wrote it."""
    text, meta = record["text"], record["meta"]
    if not isinstance(text, str) or not isinstance(meta, dict):
        raise ValueError(f"a document with a text of type {type(text).__name__}")
    return Document(text, record["id"], meta)


def _check_counts(counts: Any, D: int) -> None:
    """Raise `ValueError` for counts that do not belong to `D` documents: they would find the wrong ones in silence."""
    scores, vocabulary = counts.scores, counts.vocab_dict
    places, ends = np.asarray(scores["indices"]), np.asarray(scores["indptr"])
    fits = (
        scores["num_docs"] == D
        and len(scores["data"]) == len(places) == ends[-1]
        and ends[0] == 0
        and bool((np.diff(ends) >= 0).all())
        and (not len(places) or (places.min() >= 0 and places.max() < D))
        and all(type(k) is int and 0 <= k < len(ends) - 1 for k in vocabulary.values())
    )
    if not fits:
        raise ValueError(f"its counts are not those of {D} documents")


def _line(document: Document, d: int) -> str:
    record = {"text": document.text, "id": document.id, "meta": dict(document.meta)}
    try:
        return json.dumps(record, ensure_ascii=True, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"Document {d} cannot be saved, since its id or meta is not fit for JSON: {error}"
        ) from error
