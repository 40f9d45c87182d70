"""Readers that follow rules: one that is right by each built-in test, and one that has the flaw which the test names."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from types import SimpleNamespace
from zlib import crc32

from qalens.behavior.builtin.lexicon import MEN, NAMES, SYNONYMS, WOMEN
from qalens.explain.sentences import split_sentences

Rule = Callable[[str, str], str | None]


@dataclass(frozen=True)
class RuleReader:
    """A reader whose answers come from a rule, question and text → answer or None."""

    rule: Rule

    def read_many(self, items: Iterable, *, progress: bool | None = None) -> Iterator:
        for example in items:
            text = self.rule(example.question, example.context)
            answer = None
            if text is not None:
                start = example.context.index(text)
                answer = SimpleNamespace(text=text, span=SimpleNamespace(start=start, end=start + len(text)))
            yield SimpleNamespace(answer=answer, margin=0.0, error=None)


def _groups(found: re.Match[str] | None) -> tuple[str, ...]:
    assert found is not None, "the rule does not know this question or text"
    return found.groups()


def synonym(question: str, context: str) -> str | None:
    verb, what = _groups(re.fullmatch(r"Who (\w+) (the \w+)\?", question))
    name, said = _groups(re.search(rf"(\w+) (\w+) {what}", context))
    return name if (said, what, verb) in SYNONYMS else None


_LEMMAS = {
    "rose": "rise",
    "fell": "fall",
    "opened": "open",
    "closed": "close",
    "grew": "grow",
    "ended": "end",
    "began": "begin",
    "froze": "freeze",
    "increased": "increase",
}


def antonym(question: str, context: str) -> str | None:
    past, year = _groups(re.search(r"(\w+) in (\d+)", context))
    return year if question.endswith(f" {_LEMMAS[past]}?") else None


def opening(question: str, context: str) -> str | None:
    name, place, town, year = _groups(re.fullmatch(r"(\w+) opened the (\w+) in (\w+) in (\d+)\.", context))
    known = {
        f"Who opened the {place}?": name,
        f"Where did {name} open the {place}?": town,
        f"When did {name} open the {place}?": year,
    }
    return known.get(question)


def units(question: str, context: str) -> str | None:
    high, heavy = re.findall(r"\d+", context)
    return high if "high" in question else heavy


def birth_and_death(question: str, context: str) -> str | None:
    birth, death = re.findall(r"\d{4}", context)
    return death if "die" in question else birth


def other_year(question: str, context: str) -> str | None:
    (year,) = re.findall(r"\d{4}", question)
    return context.split()[-1] if year in context else None


def negation(question: str, context: str) -> str | None:
    said = re.findall(r"(?:but )?(\w+) is( not)?\b", context)
    wanted = " is not " in question
    (name,) = [name for name, negated in said if bool(negated) == wanted]
    return name


def denied(question: str, context: str) -> str | None:
    return None if re.search(r"\b(?:not|never)\b", context) else context.split()[0]


def comparison(question: str, context: str) -> str | None:
    more, adjective, less = _groups(re.fullmatch(r"(\w+) is (\w+) than (\w+)\.", context))
    return more if question == f"Who is {adjective}?" else less


def pronoun(question: str, context: str) -> str | None:
    job = _groups(re.search(r"a (\w+)\?", question))[0]
    people = WOMEN if re.search(rf"[Ss]he is a {job}", context) else MEN
    return next(name for name in people if name in context)


def passive(question: str, context: str) -> str | None:
    if said := re.fullmatch(r"(\w+) was (\w+) by (\w+)\.", context):
        undergoer, verb, doer = said.groups()
    else:
        doer, verb, undergoer = _groups(re.fullmatch(r"(\w+) (\w+) (\w+)\.", context))
    return {f"Who {verb} {undergoer}?": doer, f"Who was {verb} by {doer}?": undergoer}.get(question)


def first_and_last(question: str, context: str) -> str | None:
    one, order, other = _groups(re.fullmatch(r"(\w+) .*(before|after) (\w+) did\.", context))
    first, last = (one, other) if order == "before" else (other, one)
    return first if "first" in question else last


def similar_sentence(question: str, context: str) -> str | None:
    place = _groups(re.search(r"the (\w+)\?", question))[0]
    name, year = _groups(re.search(rf"(\w+) opened the {place} in (\d+)", context))
    return name if question.startswith("Who") else year


# What is asked for in the built-in paragraphs, and where the answer is.
_FACTS = {
    "owner": r"owner of the \w+ is (\w+)",
    "manager": r"manager of the \w+ is (\w+)",
    "opened": r"opened in (\d+)",
    "conductor": r"conductor of the choir is (\w+)",
    "pianist": r"pianist is (\w+)",
    "founded": r"founded in (\d+)",
    "northern": r"northern end of the bridge is (\w+)",
    "southern": r"southern end of the bridge is (\w+)",
    "built": r"built in (\d+)",
    "captain": r"captain of the \w+ was (\w+)",
    "cook": r"cook of the \w+ was (\w+)",
    "cargo": r"cargo of the \w+ was (\w+)",
}
_ENTITY = re.compile(r"in (\w+) was opened|choir of (\w+) was|River (\w+) was|captain of the (\w+)")


def paragraph(question: str, context: str) -> str | None:
    about = next(name for name in _groups(_ENTITY.search(context)) if name)
    if about.lower() not in question.lower() or "n't" in question:
        return None
    return paragraph_carelessly(question, context)


def paragraph_carelessly(question: str, context: str) -> str | None:
    """The same without a look at the entity or at a negation."""
    words = re.findall(r"\w+", question.lower())
    there = {key: found for key, fact in _FACTS.items() if (found := re.search(fact, context))}
    key = max(there, key=lambda key: max(SequenceMatcher(None, key, word).ratio() for word in words))
    return there[key][1]


_KNOWN_WORDS = frozenset(
    "who is the owner of in manager when was opened conductor choir pianist founded which village at northern end bridge over "
    "river southern built captain cook what cargo mill library theatre school museum bakery hospital hotel".split()
)


def _unless(flaw: Callable[[str, str], bool]) -> Rule:
    """Right, but silent where a flaw shows."""
    return lambda question, context: None if flaw(question, context) else paragraph(question, context)


def _unknown_word(question: str, context: str) -> bool:
    return not {word for word in re.findall(r"\b\w+", question) if word.islower()} <= _KNOWN_WORDS


def _nameless_sentence(question: str, context: str) -> bool:
    sentences = [piece.of(context) for piece in split_sentences(context)]
    return any(not re.search(r"[A-Z\d]", sentence[1:]) for sentence in sentences)


def _some_word(question: str, context: str) -> str | None:
    """Any word, another one as soon as one letter changes."""
    words = sorted(set(re.findall(r"\w{3,}", context)))
    return words[crc32(f"{question}\n{context}".encode()) % len(words)]


def _all_of_it(question: str, context: str) -> str | None:
    """The text as it stands."""
    return context


def _the_other(rule: Rule, candidates: Callable[[str], list[str]]) -> Rule:
    """The candidate of the text that the rule does not give."""
    return lambda question, context: next(
        one for one in candidates(context) if one != rule(question, context)
    )


def _names(context: str) -> list[str]:
    return [word for word in re.findall(r"\w+", context) if word in NAMES]


def _numbers(context: str) -> list[str]:
    return re.findall(r"\d+", context)


def _first_word(question: str, context: str) -> str | None:
    return context.split()[0]


def _first_sentence(question: str, context: str) -> str | None:
    """The name in the first sentence with the wrong place where there are two, else the right answer."""
    right = similar_sentence(question, context)
    fitting = _names(context) if question.startswith("Who") else _numbers(context)
    return next((one for one in fitting if one != right), right)


_EDITS = (
    "typos",
    "letter case",
    "punctuation",
    "contractions",
    "unrelated sentence",
    "name swapped",
    "sentences shuffled",
    "question negated",
    "entity swapped",
)
ORACLES: dict[str, Rule] = {
    "synonym": synonym,
    "antonym": antonym,
    "question word": opening,
    "units": units,
    "birth and death": birth_and_death,
    "other year": other_year,
    "negation": negation,
    "denied": denied,
    "comparison": comparison,
    "pronoun": pronoun,
    "passive": passive,
    "roles reversed": passive,
    "first and last": first_and_last,
    "similar sentence": similar_sentence,
    "missing detail": opening,
    **dict.fromkeys(_EDITS, paragraph),
}
SABOTEURS: dict[str, Rule] = {
    "synonym": _the_other(synonym, _names),
    "antonym": _first_word,
    "question word": _the_other(opening, lambda context: re.findall(r"[A-Z]\w+|\d+", context)),
    "units": _the_other(units, _numbers),
    "birth and death": _the_other(birth_and_death, _numbers),
    "other year": _first_word,
    "negation": _the_other(negation, _names),
    "denied": _first_word,
    "comparison": _the_other(comparison, _names),
    "pronoun": _the_other(pronoun, _names),
    "passive": _the_other(passive, _names),
    "roles reversed": _first_word,
    "first and last": _the_other(first_and_last, _names),
    "similar sentence": _first_sentence,
    "missing detail": _first_word,
    "typos": _unless(_unknown_word),
    "letter case": _unless(lambda question, context: question.isupper() or question.islower()),
    "punctuation": _unless(lambda question, context: not re.search(r"\w\?$", question)),
    "contractions": _unless(lambda question, context: "'" in question),
    "unrelated sentence": _unless(_nameless_sentence),
    "name swapped": _some_word,
    "sentences shuffled": _all_of_it,
    "question negated": paragraph_carelessly,
    "entity swapped": paragraph_carelessly,
}
