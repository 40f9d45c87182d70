"""The built-in tests that edit examples: only edits after which it is known what is right."""

from __future__ import annotations

import re
from dataclasses import replace
from random import Random

from qalens.behavior.builtin.lexicon import DAYS, INVENTED, MEN, MONTHS, UNRELATED, WOMEN
from qalens.behavior.builtin.template_tests import RAJPURKAR, RIBEIRO
from qalens.behavior.cases import Case
from qalens.behavior.definition import BehaviorTest, Description, edit_test
from qalens.explain.sentences import split_sentences
from qalens.text.examples import Example

NAIK = "Naik et al. 2018"
_LONG_WORD = re.compile(r"\b[a-z]{5,}\b")
# A word with a capital and no other beside it; "I" and "A" are none.
_NAME = re.compile(r"(?<![A-Z]\. )\b[A-Z][a-z]{2,}\b(?!['’]?\w)")
_NAME_RUN = re.compile(r"\b[A-Z][\w’'-]+(?: [A-Z][\w’'-]+)*")
_NO_NAMES = frozenset(DAYS) | frozenset(MONTHS)
# What makes a sentence depend on those before it.
_ANAPHORA = re.compile(
    r"\b(?:he|she|it|they|him|her|his|hers|its|them|their|theirs|this|that|these|those|such|then|there|here|also|another|"
    r"other|others|former|latter|later|next|before|after|afterwards|however|but|instead|so|thus|therefore|again|too)\b",
    re.IGNORECASE,
)
_CONTRACTIONS = (
    ("who is", "who's"),
    ("what is", "what's"),
    ("where is", "where's"),
    ("when is", "when's"),
    ("how is", "how's"),
    ("is not", "isn't"),
    ("are not", "aren't"),
    ("was not", "wasn't"),
    ("were not", "weren't"),
    ("did not", "didn't"),
    ("does not", "doesn't"),
    ("do not", "don't"),
    ("has not", "hasn't"),
    ("have not", "haven't"),
    ("had not", "hadn't"),
    ("would not", "wouldn't"),
    ("could not", "couldn't"),
    ("cannot", "can't"),
)
_NEGATED = re.compile(r"\b(is|are|was|were|did|does|do|has|have|had|would|could)\b")
_ENDS = ("", " ?", "??", "?!", "...")


def typos(example: Example, rng: Random) -> Example:
    """Two letters next to each other change places in a long word of the question that is no name."""
    words = list(_LONG_WORD.finditer(example.question))
    if not words:
        return example
    word = rng.choice(words)
    places = [
        k for k in range(word.start() + 1, word.end() - 2) if example.question[k] != example.question[k + 1]
    ]
    if not places:
        return example
    k, asked = rng.choice(places), example.question
    return replace(example, question=asked[:k] + asked[k + 1] + asked[k] + asked[k + 2 :])


def letter_case(example: Example, rng: Random) -> Example:
    """The question is written in small letters or in capitals throughout."""
    return replace(example, question=rng.choice([str.lower, str.upper])(example.question))


def punctuation(example: Example, rng: Random) -> Example:
    """The question mark is left out, doubled or replaced."""
    bare = example.question.rstrip("?!. ")
    ends = [end for end in _ENDS if bare + end != example.question]
    return replace(example, question=bare + rng.choice(ends)) if bare else example


def contractions(example: Example, rng: Random) -> Example:
    """What is contracted in the question is written in full, and the other way round."""
    pairs = [*_CONTRACTIONS, *((short, long) for long, short in _CONTRACTIONS)]
    for old, new in pairs:
        found = re.search(rf"\b{old}\b", example.question, re.IGNORECASE)
        if found:
            made = new.capitalize() if found[0][0].isupper() else new
            return replace(
                example, question=example.question[: found.start()] + made + example.question[found.end() :]
            )
    return example


def unrelated_sentence(example: Example, rng: Random) -> Example | str:
    """A sentence about something else is added before or behind the text."""
    asked = _stems(example.question)
    fitting = [one for one in UNRELATED if not asked & _stems(one)]
    if not fitting:
        return "every sentence to add shares a word with the question"
    added, context = rng.choice(fitting), example.context
    both = f"{added} {context}" if rng.random() < 0.5 else f"{context.rstrip()} {added}"
    return replace(example, context=both)


def name_swapped(example: Example, rng: Random) -> Case | str:
    """A name is replaced by another, everywhere in the text and in the question."""
    names = sorted({one for one in _names(example.context) if _stands_alone(one, example)})
    if not names:
        return "no name that could be swapped"
    old = rng.choice(names)
    given = f"{example.question} {example.context}"
    fitting = [one for one in _alternatives(old) if one not in given]
    if not fitting:
        return "no new name that is not in the text already"
    new = rng.choice(fitting)
    question, context = (re.sub(rf"\b{old}\b", new, part) for part in (example.question, example.context))
    original = (example.question, example.context)
    return Case(question, context, "same answer", original=original, renamed=((old, new),))


def sentences_shuffled(example: Example, rng: Random) -> Example | str:
    """The sentences of the text come in another order; only texts without a word that points backwards."""
    context = example.context
    pieces = split_sentences(context)
    if len(pieces) < 2:
        return "the text is one sentence"
    if _ANAPHORA.search(context):
        return "a sentence may depend on those before it"
    whole = [piece.of(context).strip() for piece in pieces]
    order = list(range(len(whole)))
    while order == sorted(order):
        rng.shuffle(order)
    return replace(example, context=" ".join(whole[k] for k in order))


def question_negated(example: Example, rng: Random) -> Example | str:
    """A "not" is put into the question, so that what was right is wrong."""
    asked = example.question
    verb = _NEGATED.search(asked)
    if (
        not re.match(r"(?:who|which|what)\b", asked, re.IGNORECASE)
        or verb is None
        or "n't" in asked
        or " not " in asked
    ):
        return "a question that no rule can negate"
    return replace(example, question=f"{asked[: verb.end()]}n't{asked[verb.end() :]}")


def entity_swapped(example: Example, rng: Random) -> Example | str:
    """A name of the question is replaced by one that the text does not know."""
    asked = example.question
    # The first word has a capital of its own.
    runs = [run for run in _NAME_RUN.finditer(asked) if run.start() and run[0] in example.context]
    runs = [run for run in runs if not _NO_NAMES & set(run[0].split())]
    fitting = [one for one in INVENTED if one not in f"{asked} {example.context}"]
    if example.gold == ():
        return "the question has no answer already"
    if not runs or not fitting:
        return "no name in the question that the text has, too"
    run = runs[-1]
    return replace(example, question=asked[: run.start()] + rng.choice(fitting) + asked[run.end() :])


def _stems(text: str) -> set[str]:
    """The first four letters of each longer word, by which words of one family are alike."""
    return {word[:4] for word in re.findall(r"[a-z]{4,}", text.lower())}


def _names(text: str) -> list[str]:
    """Words with a capital that do not begin a sentence."""
    begins = {piece.start for piece in split_sentences(text)}
    return [one[0] for one in _NAME.finditer(text) if one.start() not in begins and one[0] not in _NO_NAMES]


def _stands_alone(name: str, example: Example) -> bool:
    """Whether a name is no part of a longer one, and no other word of question or text begins with it."""
    text = f"{example.context}\n{example.question}"
    inside_longer = any(" " in run and name in run.split() for run in _NAME_RUN.findall(text))
    return not inside_longer and len(re.findall(name, text, re.IGNORECASE)) == len(
        re.findall(rf"\b{name}\b", text)
    )


def _alternatives(name: str) -> tuple[str, ...]:
    """New names of the same kind, as far as the kind is known."""
    return WOMEN if name in WOMEN else MEN if name in MEN else INVENTED


EDIT_TESTS: tuple[BehaviorTest, ...] = (
    edit_test("typos", typos, capability="robustness", source=f"{RIBEIRO}; {NAIK}"),
    edit_test("letter case", letter_case, capability="robustness"),
    edit_test("punctuation", punctuation, capability="robustness", source=RIBEIRO),
    edit_test("contractions", contractions, capability="robustness", source=RIBEIRO),
    edit_test("unrelated sentence", unrelated_sentence, capability="distractors", source=RIBEIRO),
    BehaviorTest(
        Description(
            "name swapped",
            "entities",
            "directional expectation",
            str(name_swapped.__doc__),
            "an answer that does not follow: another one than before with the new name in it",
            RIBEIRO,
        ),
        edit=name_swapped,
    ),
    edit_test("sentences shuffled", sentences_shuffled, capability="order"),
    edit_test(
        "question negated",
        question_negated,
        expect="another answer",
        capability="negation",
        source=RAJPURKAR,
    ),
    edit_test("entity swapped", entity_swapped, expect="no answer", capability="entities", source=RAJPURKAR),
)
