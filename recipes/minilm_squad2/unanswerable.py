"""Unanswerable questions made by rule from answerable ones.

Real unanswerable questions are few in the training data, so four rules make more. Each keeps the
question close to its text, because a question about something else altogether teaches nothing:

- `from_other_paragraph`: the question goes to the most similar paragraph that does not hold the answer.
- `without_answer_sentence`: the sentences that hold an answer are cut out of the paragraph.
- `edited_question`: a number or a name in the question is swapped, a word turned into its opposite, or a
  negation is added.
- `reworded_question`: a word of the question that its text holds too becomes another of the same kind, as "river"
  becomes "lake": a near neighbour by the word embeddings of the base model.

A rule returns None where it does not apply. Some of what the rules make is answerable after all (another
paragraph may say the same in other words); the training mixture bears that.
"""

from __future__ import annotations

import math
import random
import re
import string
from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np


@dataclass(frozen=True)
class Question:
    """One training question; `golds` are (start, text) pairs, none where it is unanswerable."""

    group: str
    question: str
    context: str
    golds: tuple[tuple[int, str], ...]


OPPOSITES = [
    ("first", "last"),
    ("largest", "smallest"),
    ("most", "least"),
    ("more", "fewer"),
    ("highest", "lowest"),
    ("before", "after"),
    ("north", "south"),
    ("northern", "southern"),
    ("east", "west"),
    ("eastern", "western"),
    ("increase", "decrease"),
    ("increased", "decreased"),
    ("best", "worst"),
    ("oldest", "youngest"),
    ("early", "late"),
    ("earliest", "latest"),
    ("above", "below"),
    ("inside", "outside"),
    ("won", "lost"),
    ("begin", "end"),
    ("began", "ended"),
    ("started", "stopped"),
    ("like", "dislike"),
    ("liked", "disliked"),
    ("good", "bad"),
    ("positive", "negative"),
    ("longest", "shortest"),
    ("cheapest", "dearest"),
    ("allowed", "forbidden"),
    ("accepted", "refused"),
    ("minimum", "maximum"),
    ("left", "right"),
    ("strong", "weak"),
    ("rich", "poor"),
    ("public", "private"),
    ("open", "closed"),
    ("opened", "closed"),
    ("bought", "sold"),
    ("arrive", "leave"),
    ("arrived", "left"),
    ("easy", "difficult"),
    ("hot", "cold"),
    ("upper", "lower"),
    ("major", "minor"),
]
_OPPOSITE = {a: b for pair in OPPOSITES for a, b in (pair, pair[::-1])}
_AUXILIARY = re.compile(r"\b(is|are|was|were|did|does|do|has|have|had|can|could|will|would|should)\b", re.I)
_NUMBER = re.compile(r"\b\d[\d,]*\b")
_NAME = re.compile(r"(?<!^)(?<![.?!] )\b[A-Z][\w'-]+(?: [A-Z][\w'-]+)*")
_WORD = re.compile(r"\w+")
_SENTENCE_END = re.compile(r"(?<=[.!?])[\"')\]]*\s+(?=[\"'(\[]*[A-Z0-9])|\n+")
_STOP = frozenset(
    """
    a an the of in on at to for from by with and or is are was were be been being did do does has have had it its this
    that these those what which who whom whose when where why how many much as not no can could will would
    """.split()
)


def sentences(text: str) -> list[tuple[int, int]]:
    """Character ranges of the sentences of a text; together they cover all of it."""
    edges = [0, *(m.end() for m in _SENTENCE_END.finditer(text)), len(text)]
    return [(a, b) for a, b in pairwise(edges) if a < b]


def plain(text: str) -> str:
    return " ".join(text.lower().translate(str.maketrans("", "", string.punctuation)).split())


def content_words(text: str) -> list[str]:
    return [w for w in (m.lower() for m in _WORD.findall(text)) if w not in _STOP]


class Paragraphs:
    """Finds the paragraphs of the same group that share the most telling words with a question."""

    def __init__(self, questions: list[Question]):
        self._by_group: dict[str, list[str]] = defaultdict(list)
        for group, context in dict.fromkeys((q.group, q.context) for q in questions):
            self._by_group[group].append(context)
        self._words = {
            context: frozenset(content_words(context))
            for contexts in self._by_group.values()
            for context in contexts
        }
        counts = Counter(word for words in self._words.values() for word in words)
        self._idf = {word: math.log(len(self._words) / n) for word, n in counts.items()}

    def most_similar(self, question: Question, rng: random.Random, candidates: int = 300) -> str | None:
        contexts = self._by_group[question.group]
        if len(contexts) > candidates:
            contexts = rng.sample(contexts, candidates)
        words = set(content_words(question.question))
        answers = [plain(text) for _, text in question.golds]
        best, best_score = None, 0.0
        for context in contexts:
            if context == question.context:
                continue
            # The order of a set differs between processes; an exact sum does not.
            score = math.fsum(self._idf[w] for w in words & self._words[context])
            if score > best_score and not any(a in plain(context) for a in answers):
                best, best_score = context, score
        return best


def from_other_paragraph(question: Question, paragraphs: Paragraphs, rng: random.Random) -> Question | None:
    context = paragraphs.most_similar(question, rng)
    return None if context is None else replace(question, context=context, golds=())


def without_answer_sentence(question: Question) -> Question | None:
    answers = [plain(text) for _, text in question.golds]
    kept = [
        question.context[a:b]
        for a, b in sentences(question.context)
        if not any(a <= start < b for start, _ in question.golds)
        and not any(answer in plain(question.context[a:b]) for answer in answers)
    ]
    context = "".join(kept).strip()
    if len(kept) < 2 or any(answer in plain(context) for answer in answers):
        return None
    return replace(question, context=context, golds=())


def edited_question(question: Question, names: list[str], rng: random.Random) -> Question | None:
    """Swap a number or a name, turn a word into its opposite, or add a negation, in this order of chance."""
    text = question.question
    edits = []
    numbers = list(_NUMBER.finditer(text))
    if numbers:
        m = rng.choice(numbers)
        value = int(m[0].replace(",", ""))
        new = str(value + rng.choice([-1, 1]) * rng.randint(2, max(3, min(value // 4, 60))))
        if new not in question.context:
            edits.append((m.start(), m.end(), new.lstrip("-")))
    found = [m for m in _NAME.finditer(text) if m[0] in question.context]
    if found and names:
        m = rng.choice(found)
        new = rng.choice(names)
        if new not in question.context and new != m[0]:
            edits.append((m.start(), m.end(), new))
    opposites = [m for m in _WORD.finditer(text) if m[0].lower() in _OPPOSITE]
    if opposites:
        m = rng.choice(opposites)
        edits.append((m.start(), m.end(), _OPPOSITE[m[0].lower()]))
    if not edits and rng.random() < 0.15:
        m = _AUXILIARY.search(text)
        if m and " not " not in text and "n't" not in text:
            following = re.match(r"\s+(the|a|an|this|that|[A-Z]\w+)?\s*\w+", text[m.end() :])
            if following:
                at = m.end() + following.end()
                edits.append((at, at, " not"))
    if not edits:
        return None
    start, end, new = rng.choice(edits)
    return replace(question, question=text[:start] + new + text[end:], golds=())


class WordNeighbours:
    """Words of the same kind: near by the input embeddings of a model, and no other form of the same word."""

    def __init__(self, words: list[str], embeddings: np.ndarray):
        kept = [k for k, word in enumerate(words) if len(word) > 2 and word.isascii() and word.isalpha()]
        self._words = [words[k] for k in kept]
        self._index = {word: k for k, word in enumerate(self._words)}
        table = embeddings[kept] - embeddings[kept].mean(axis=0)
        self._table = table / np.linalg.norm(table, axis=1, keepdims=True)
        self._found: dict[str, list[str]] = {}

    def of(self, word: str) -> list[str]:
        """Some twenty neighbours; the very nearest are left out, since they often mean the same."""
        if word not in self._index:
            return []
        if word not in self._found:
            near = np.argsort(-(self._table @ self._table[self._index[word]]))[1:40]
            others = [self._words[k] for k in near]
            self._found[word] = [
                w for w in others if w[:3] != word[:3] and w not in word and word not in w and w not in _STOP
            ][2:22]
        return self._found[word]


def reworded_question(question: Question, neighbours: WordNeighbours, rng: random.Random) -> Question | None:
    text, held = question.question, set(content_words(question.context))
    swaps = []
    for m in _WORD.finditer(text):
        word = m[0].lower()
        if word not in held or word in _STOP:
            continue
        # The ending is kept, so that a plural stays a plural and a past tense stays past.
        ending = next((e for e in ("ing", "ed", "s") if word.endswith(e)), "")
        new = [w for w in neighbours.of(word) if w not in held and (not ending or w.endswith(ending))]
        if new:
            swaps.append((m, new))
    if not swaps:
        return None
    m, new = rng.choice(swaps)
    word = rng.choice(new)
    if m[0][0].isupper():
        word = word.capitalize()
    return replace(question, question=text[: m.start()] + word + text[m.end() :], golds=())


def names_by_group(questions: list[Question]) -> dict[str, list[str]]:
    """Names that the questions of each group mention: the pool that name swaps draw from."""
    names: dict[str, set[str]] = defaultdict(set)
    for q in questions:
        names[q.group].update(m[0] for m in _NAME.finditer(q.question))
    return {group: sorted(found) for group, found in names.items()}
