"""The built-in tests that draw their cases from templates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random

from qalens.behavior.builtin.lexicon import (
    ANTONYMS,
    DEEDS,
    EVENTS,
    JOBS,
    LIVES,
    MEN,
    NAMES,
    NUMBERS,
    OPPOSITES,
    PLACES,
    SURNAMES,
    SYNONYMS,
    THINGS,
    TOWNS,
    WOMEN,
    YEARS,
)
from qalens.behavior.cases import Case
from qalens.behavior.definition import BehaviorTest, Description, Words, fill_slots, template_test

RIBEIRO = "Ribeiro et al. 2020 (CheckList)"
RAJPURKAR = "Rajpurkar et al. 2018, table 1"
JIA = "Jia and Liang 2017"


@dataclass(frozen=True, slots=True)
class _Variant:
    """One of the templates of a test: text, question, and the accepted answers (None: abstain)."""

    text: str
    question: str
    answer: Sequence[str] | str | None


def _variants(
    name: str,
    capability: str,
    sentence: str,
    variants: Sequence[_Variant],
    slots: Mapping[str, Words],
    source: str | None = None,
) -> BehaviorTest:
    """A test that draws from one of several templates with the same slots."""
    made = [
        template_test(
            name,
            text=one.text,
            question=one.question,
            answer=one.answer,
            slots=slots,
            capability=capability,
            sentence=sentence,
            source=source,
        )
        for one in variants
    ]
    draws = [test.draw for test in made if test.draw is not None]
    return BehaviorTest(made[0].about, draw=lambda rng: rng.choice(draws)(rng))


_PEOPLE = {"one": NAMES, "other": NAMES}

synonym = _variants(
    "synonym",
    "vocabulary",
    "The question uses another word than the text for what was done.",
    [
        _Variant("{one} {a[0]} {a[1]}, and {other} {b[0]} {b[1]}.", "Who {a[2]} {a[1]}?", "{one}"),
        _Variant("{other} {b[0]} {b[1]}, and {one} {a[0]} {a[1]}.", "Who {a[2]} {a[1]}?", "{one}"),
    ],
    {**_PEOPLE, "a": SYNONYMS, "b": SYNONYMS},
    RIBEIRO,
)
_OPENING = "{one} opened the {place} in {town} in {year}."
question_word = _variants(
    "question word",
    "entities",
    "Who, where and when ask for a person, a place and a time of the same sentence.",
    [
        _Variant(_OPENING, "Who opened the {place}?", "{one}"),
        _Variant(_OPENING, "Where did {one} open the {place}?", ("{town}", "in {town}")),
        _Variant(_OPENING, "When did {one} open the {place}?", ("{year}", "in {year}")),
    ],
    {"one": NAMES, "place": PLACES, "town": TOWNS, "year": YEARS},
)
_MEASURES = "The {thing} is {a} metres high and weighs {b} tonnes."
units = _variants(
    "units",
    "numbers and units",
    "Two quantities of one thing are told apart by what is measured.",
    [
        _Variant(_MEASURES, "How high is the {thing}?", ("{a}", "{a} metres", "{a} metres high")),
        _Variant(_MEASURES, "How much does the {thing} weigh?", ("{b}", "{b} tonnes")),
    ],
    {"thing": THINGS, "a": NUMBERS, "b": NUMBERS},
)
_BORN = "{one} {surname} was born in {life[0]} in {town} and died in {life[1]} in {second}."
_YEARS = "{one} {surname} ({life[0]}–{life[1]}) was a painter from {town}."
birth_and_death = _variants(
    "birth and death",
    "time",
    "The years of birth and of death are told apart.",
    [
        _Variant(_BORN, "When did {one} {surname} die?", ("{life[1]}", "in {life[1]}")),
        _Variant(_BORN, "When was {one} {surname} born?", ("{life[0]}", "in {life[0]}")),
        _Variant(_YEARS, "When did {one} {surname} die?", "{life[1]}"),
    ],
    {"one": NAMES, "surname": SURNAMES, "life": LIVES, "town": TOWNS, "second": TOWNS},
)
negation = _variants(
    "negation",
    "negation",
    "One person is something and the other is not.",
    [
        _Variant("{one} is not a {job}, but {other} is.", "Who is a {job}?", "{other}"),
        _Variant("{other} is a {job}, but {one} is not.", "Who is not a {job}?", "{one}"),
        _Variant("{one} is not a {job}. {other} is a {job}.", "Who is not a {job}?", "{one}"),
    ],
    {**_PEOPLE, "job": JOBS},
    RIBEIRO,
)
comparison = _variants(
    "comparison",
    "comparison",
    "Of two people compared, the question asks for one by the word or by its opposite.",
    [
        _Variant("{one} is {pair[0]} than {other}.", "Who is {pair[1]}?", "{other}"),
        _Variant("{one} is {pair[1]} than {other}.", "Who is {pair[0]}?", "{other}"),
        _Variant("{one} is {pair[0]} than {other}.", "Who is {pair[0]}?", "{one}"),
    ],
    {**_PEOPLE, "pair": OPPOSITES},
    RIBEIRO,
)
pronoun = _variants(
    "pronoun",
    "coreference",
    "She and he stand for a woman and a man named before.",
    [
        _Variant(
            "{woman} and {man} share a flat. She is a {a}, and he is a {b}.", "Who is a {a}?", "{woman}"
        ),
        _Variant("{woman} and {man} share a flat. She is a {a}, and he is a {b}.", "Who is a {b}?", "{man}"),
        _Variant(
            "{man} and {woman} share a flat. She is a {a}, and he is a {b}.", "Who is a {a}?", "{woman}"
        ),
    ],
    {"woman": WOMEN, "man": MEN, "a": JOBS, "b": JOBS},
    RIBEIRO,
)
passive = _variants(
    "passive",
    "roles",
    "Who did it and to whom it was done are told apart in active and passive sentences.",
    [
        _Variant("{one} was {deed} by {other}.", "Who {deed} {one}?", ("{other}", "by {other}")),
        _Variant("{one} {deed} {other}.", "Who was {deed} by {one}?", "{other}"),
    ],
    {**_PEOPLE, "deed": DEEDS},
    RIBEIRO,
)
first_and_last = _variants(
    "first and last",
    "order",
    "Before and after say who was first and who was last.",
    [
        _Variant("{one} {event} before {other} did.", "Who {event} first?", "{one}"),
        _Variant("{one} {event} before {other} did.", "Who {event} last?", "{other}"),
        _Variant("{one} {event} after {other} did.", "Who {event} first?", "{other}"),
        _Variant("{one} {event} after {other} did.", "Who {event} last?", "{one}"),
    ],
    {**_PEOPLE, "event": EVENTS},
    RIBEIRO,
)
antonym = _variants(
    "antonym",
    "vocabulary",
    "The question asks for the opposite of what the text tells.",
    [_Variant("The {what[0]} {what[1]} in {year}.", "When did the {what[0]} {what[2]}?", None)],
    {"what": ANTONYMS, "year": YEARS},
    RAJPURKAR,
)
_BUILT = "In {year} the town of {town} built a {place}."
other_year = _variants(
    "other year",
    "time",
    "The question asks about a year that the text does not speak of.",
    [
        _Variant(_BUILT, "What did the town of {town} build in {second}?", None),
        _Variant(_BUILT, "Which town built a {place} in {second}?", None),
    ],
    {"year": YEARS, "second": YEARS, "town": TOWNS, "place": PLACES},
    RAJPURKAR,
)
denied = _variants(
    "denied",
    "negation",
    "The text only says what is not so.",
    [
        _Variant(
            "The {place} in {town} was not built in {year}.", "When was the {place} in {town} built?", None
        ),
        _Variant("{one} did not paint the {place} in {town}.", "Who painted the {place} in {town}?", None),
        _Variant("{one} has never lived in {town}.", "Who has lived in {town}?", None),
    ],
    {"one": NAMES, "town": TOWNS, "year": YEARS, "place": PLACES},
    RAJPURKAR,
)
roles_reversed = _variants(
    "roles reversed",
    "roles",
    "The question asks who did to somebody what the text says that this person did.",
    [
        _Variant("{one} {deed} {other}.", "Who {deed} {one}?", None),
        _Variant("{one} was {deed} by {other}.", "Who was {deed} by {one}?", None),
    ],
    {**_PEOPLE, "deed": DEEDS},
)
missing_detail = _variants(
    "missing detail",
    "abstaining",
    "The text is about it, and does not say what is asked.",
    [
        _Variant(_OPENING, "Why did {one} open the {place}?", None),
        _Variant(_OPENING, "How much did the {place} in {town} cost?", None),
        _Variant(_OPENING, "Who designed the {place} in {town}?", None),
        _Variant(_OPENING, "When did {one} sell the {place}?", None),
    ],
    {"one": NAMES, "place": PLACES, "town": TOWNS, "year": YEARS},
    RAJPURKAR,
)


def _similar_sentence(rng: Random) -> Case:
    slots = {"one": NAMES, "other": NAMES, "a": PLACES, "b": PLACES, "year": YEARS, "second": YEARS}
    words = fill_slots(slots, rng)
    text = "{one} opened the {a} in {year}.".format_map(words)
    added = "{other} opened the {b} in {second}.".format_map(words)
    question = rng.choice(["When did {one} open the {a}?", "Who opened the {a}?"]).format_map(words)
    both = [text, added] if rng.random() < 0.5 else [added, text]
    return Case(question, " ".join(both), "same answer", original=(question, text))


similar_sentence = BehaviorTest(
    Description(
        "similar sentence",
        "distractors",
        "invariance",
        "A sentence is added that resembles the right one, about somebody and something else.",
        "another answer than without the sentence",
        JIA,
    ),
    draw=_similar_sentence,
)

TEMPLATE_TESTS: tuple[BehaviorTest, ...] = (
    synonym,
    antonym,
    question_word,
    units,
    birth_and_death,
    other_year,
    negation,
    denied,
    comparison,
    pronoun,
    passive,
    roles_reversed,
    first_and_last,
    similar_sentence,
    missing_detail,
)
