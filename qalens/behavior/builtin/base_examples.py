"""Examples that the edit tests are run on where a user gives none: short paragraphs of our own, with gold answers."""

from __future__ import annotations

from random import Random
from typing import NamedTuple

from qalens.behavior.builtin.lexicon import CARGOES, NAMES, NUMBERS, PLACES, RIVERS, SHIPS, TOWNS, YEARS
from qalens.behavior.definition import fill_slots
from qalens.text.examples import CharSpan, Example


class _Paragraph(NamedTuple):
    """A paragraph with slots, and its questions, each with a slot or a piece of the text that answers it."""

    text: str
    questions: tuple[tuple[str, str], ...]


_PARAGRAPHS = (
    _Paragraph(
        "The {place} in {town} was opened in {year}. The owner of the {place} is {one}. The manager of the {place} is "
        "{other}. The {place} has {number} rooms.",
        (
            ("Who is the owner of the {place} in {town}?", "{one}"),
            ("Who is the manager of the {place} in {town}?", "{other}"),
            ("When was the {place} in {town} opened?", "{year}"),
        ),
    ),
    _Paragraph(
        "The choir of {town} was founded in {year}. The conductor of the choir is {one}, and the pianist is {other}. A "
        "ticket for a concert costs {number} crowns.",
        (
            ("Who is the conductor of the choir of {town}?", "{one}"),
            ("Who is the pianist of the choir of {town}?", "{other}"),
            ("When was the choir of {town} founded?", "{year}"),
        ),
    ),
    _Paragraph(
        "The bridge over the River {river} was built in {year}. The village at the northern end of the bridge is {town}. "
        "The village at the southern end of the bridge is {second}. The bridge is {number} metres long.",
        (
            ("Which village is at the northern end of the bridge over the River {river}?", "{town}"),
            ("Which village is at the southern end of the bridge over the River {river}?", "{second}"),
            ("When was the bridge over the River {river} built?", "{year}"),
        ),
    ),
    _Paragraph(
        "The captain of the {ship} was {one}. The cook of the {ship} was {other}. The cargo of the {ship} was {cargo}. In "
        "{year} the {ship} sailed from {town} to {second}.",
        (
            ("Who was the captain of the {ship}?", "{one}"),
            ("Who was the cook of the {ship}?", "{other}"),
            ("What was the cargo of the {ship}?", "{cargo}"),
        ),
    ),
)
_SLOTS = {
    "one": NAMES,
    "other": NAMES,
    "town": TOWNS,
    "second": TOWNS,
    "river": RIVERS,
    "ship": SHIPS,
    "place": PLACES,
    "cargo": CARGOES,
    "year": YEARS,
    "number": NUMBERS,
}


def base_example(rng: Random) -> Example:
    """One question over one paragraph, with its gold answer.

    >>> example = base_example(Random(1))
    >>> example.gold[0].of(example.context) in example.context
    True
    """
    paragraph = rng.choice(_PARAGRAPHS)
    question, answer = rng.choice(paragraph.questions)
    words = fill_slots(_SLOTS, rng)
    context, said = paragraph.text.format_map(words), answer.format_map(words)
    start = context.index(said)
    return Example(question.format_map(words), context, gold=(CharSpan(start, start + len(said)),))
