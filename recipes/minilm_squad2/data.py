"""Questions of the training set: read, kept out, drawn once each, and their texts cropped."""

from __future__ import annotations

import itertools
import json
import random
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

_SENTENCE_END = re.compile(r"(?<=[.!?])[\"”')\]]*\s+(?=[A-Z0-9\"“(\[])")
KEPT_OUT = 15  # articles


@dataclass(frozen=True)
class Question:
    id: str
    article: str
    question: str
    context: str
    answer: str | None
    start: int
    own_words: bool  # as somebody wrote it, rather than back-translated

    @property
    def end(self) -> int:
        return self.start + len(self.answer or "")


def read_questions(data: dict) -> Iterator[Question]:
    for article in data["data"]:
        for paragraph in article["paragraphs"]:
            for q in paragraph["qas"]:
                own = q.get("wording", "original") == "original"
                answer = None if q["is_impossible"] else q["answers"][0]
                text, start = (answer["text"], answer["answer_start"]) if answer else (None, 0)
                yield Question(
                    q["id"], article["title"], q["question"], paragraph["context"], text, start, own
                )


def reworded(questions: Iterable[Question]) -> dict[str, str]:
    """The back-translated wording of answerable questions, by the id of the original."""
    return {q.id.replace("b", "a"): q.question for q in questions if q.answer is not None}


def held_out(questions: list[Question], rng: random.Random) -> set[str]:
    """The titles of some articles that have questions of both kinds in people's own words."""
    kinds = [
        {q.article for q in questions if q.own_words and (q.answer is None) == none} for none in (True, False)
    ]
    return set(rng.sample(sorted(kinds[0] & kinds[1]), KEPT_OUT))


class Supply:
    """Questions of each kind in a shuffled order, each given once before any comes again."""

    def __init__(self, questions: list[Question], other_wording: dict[str, str], rng: random.Random):
        self.rng, self.other_wording = rng, other_wording
        self.answerable = self._shuffled(q for q in questions if q.answer is not None)
        self.own = self._shuffled(q for q in questions if q.answer is None and q.own_words)
        self.translated = self._shuffled(q for q in questions if q.answer is None and not q.own_words)

    def take(self, answerable: int, unanswerable: int, translated: bool) -> list[Question]:
        """So many of each kind.

        With translated ones among the unanswerable, as large a share of the answerable is back-translated, so that the
        wording tells nothing of answerability.
        """
        share = len(self.translated) / (len(self.translated) + len(self.own)) if translated else 0.0
        from_translated = round(share * unanswerable)
        found = self._next(self.own, unanswerable - from_translated)
        found += self._next(self.translated, from_translated)
        for q in self._next(self.answerable, answerable):
            other = self.other_wording.get(q.id)
            change = other is not None and self.rng.random() < share
            found.append(replace(q, question=other, own_words=False) if change else q)
        return found

    def _shuffled(self, questions: Iterable[Question]) -> list[Question]:
        found = list(questions)
        self.rng.shuffle(found)
        return found

    @staticmethod
    def _next(order: list[Question], count: int) -> list[Question]:
        taken = [order[k % len(order)] for k in range(count)]
        turn = count % len(order)
        order[:] = order[turn:] + order[:turn]
        return taken


def sentences(text: str) -> list[tuple[int, int]]:
    borders = [0, *(match.end() for match in _SENTENCE_END.finditer(text)), len(text)]
    return list(itertools.pairwise(borders))


def _shared(question: Question, a: int, b: int) -> int:
    """How many different words of the question stand in a part of the text."""
    asked, said = (
        set(re.findall(r"\w+", text.lower())) for text in (question.question, question.context[a:b])
    )
    return len(asked & said)


def crop(question: Question, words: int, rng: random.Random) -> Question:
    """A run of whole sentences of about so many words that still holds the answer.

    Without an answer it holds the sentence with most words of the question: what the question was written to mislead with.
    """
    spans = sentences(question.context)
    lengths = [len(question.context[a:b].split()) for a, b in spans]
    if sum(lengths) <= words:
        return question
    if question.answer is None:
        first = last = max(range(len(spans)), key=lambda k: _shared(question, *spans[k]))
    else:
        inside = [k for k, (a, b) in enumerate(spans) if a < question.end and b > question.start]
        first, last = inside[0], inside[-1]
    total = sum(lengths[first : last + 1])
    while sides := [k for k in (first - 1, last + 1) if 0 <= k < len(spans) and total + lengths[k] <= words]:
        side = rng.choice(sides)
        first, last = min(first, side), max(last, side)
        total += lengths[side]
    a, b = spans[first][0], spans[last][1]
    return replace(question, context=question.context[a:b], start=max(0, question.start - a))


def write_squad(questions: list[Question], file: Path) -> None:
    """As a SQuAD 2.0 file, for evaluation."""
    articles: dict[str, dict[str, list]] = {}
    for q in questions:
        answers = [] if q.answer is None else [{"text": q.answer, "answer_start": q.start}]
        row = {"id": q.id, "question": q.question, "answers": answers, "is_impossible": q.answer is None}
        articles.setdefault(q.article, {}).setdefault(q.context, []).append(row)
    data = [
        {"title": title, "paragraphs": [{"context": c, "qas": qas} for c, qas in paragraphs.items()]}
        for title, paragraphs in articles.items()
    ]
    file.write_text(json.dumps({"version": "v2.0", "data": data}, ensure_ascii=False), encoding="utf-8")
