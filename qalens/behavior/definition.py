"""A behaviour test: a template with slots that draws cases, or an edit that makes a case of a given example."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Literal, get_args

from qalens.behavior.cases import EXPECTATIONS, Case, Expectation
from qalens.errors import InputError, shown
from qalens.records import brief
from qalens.text.examples import Example

Kind = Literal["minimum functionality", "invariance", "directional expectation", "abstention"]
KINDS: tuple[Kind, ...] = get_args(Kind)
CAPABILITIES: tuple[str, ...] = (
    "vocabulary",
    "entities",
    "numbers and units",
    "time",
    "negation",
    "comparison",
    "coreference",
    "roles",
    "order",
    "robustness",
    "distractors",
    "abstaining",
)
_KIND_OF: dict[Expectation, Kind] = {
    "answer": "minimum functionality",
    "no answer": "abstention",
    "same answer": "invariance",
    "another answer": "directional expectation",
}
_FAILURE: dict[Expectation, str] = {
    "answer": "no answer, or one that is not among the accepted ones",
    "no answer": "any answer",
    "same answer": "another answer than before the edit, or an answer where there was none, or none where there was one",
    "another answer": "the answer to the question before the edit",
}
_SLOT = re.compile(r"\{(\w+)")
Words = Sequence[str] | Sequence[tuple[str, ...]]

Draw = Callable[[Random], Case]
Edit = Callable[[Example, Random], "Case | Example | str"]


@brief
@dataclass(frozen=True, slots=True)
class Description:
    """What a behaviour test is about, in words.

    Attributes
    ----------
    name
        Unique among the tests of a run.
    capability
        One of `CAPABILITIES`, or a word of your own.
    kind
        One of `KINDS`.
    sentence
        What is tested.
    failure
        What counts as a failure.
    source
        The paper that named it, None where there is none.

    Examples
    --------
    >>> from qalens.behavior.builtin.template_tests import TEMPLATE_TESTS
    >>> {test.about.kind for test in TEMPLATE_TESTS} <= set(KINDS)
    True
    """

    name: str
    capability: str
    kind: Kind
    sentence: str
    failure: str
    source: str | None = None


@dataclass(frozen=True, slots=True)
class BehaviorTest:
    """A behaviour test: how its cases are made, and what it is about.

    `template_test` and `edit_test` make one; a `draw` or an `edit` written by hand can be given here, too.

    Attributes
    ----------
    about
        Its `Description`.
    draw
        Makes one case with the random numbers it is handed; None for a test that edits examples.
    edit
        Makes a case of an example, or says in a text why it leaves the example out; None for a test that draws.

    Raises
    ------
    InputError
        Unless there is exactly one of `draw` and `edit`.

    Examples
    --------
    >>> about = Description("echo", "vocabulary", "minimum functionality", "Says the name.", "any other answer")
    >>> test = BehaviorTest(about, draw=lambda rng: Case("Who?", "Ada rowed.", "answer", ("Ada",)))
    >>> test.draw(Random(0)).accepted
    ('Ada',)
    """

    about: Description
    draw: Draw | None = None
    edit: Callable[[Example, Random], Case | str] | None = None

    def __post_init__(self) -> None:
        if (self.draw is None) == (self.edit is None):
            raise InputError(f"The test {shown(self.name)} needs either draw or edit, and not both.")
        if self.about.kind not in KINDS:
            raise InputError(
                f"A kind is one of {', '.join(map(repr, KINDS))}, but got {shown(self.about.kind)}."
            )

    @property
    def name(self) -> str:
        """The name of the test."""
        return self.about.name


def template_test(
    name: str,
    *,
    text: str | Sequence[str],
    question: str,
    answer: str | Sequence[str] | None,
    slots: Mapping[str, Words],
    capability: str = "own",
    sentence: str | None = None,
    source: str | None = None,
) -> BehaviorTest:
    """A test of a template: its slots are filled at random, each time with other words.

    Slots that draw from the same list never get the same word in one case.

    Parameters
    ----------
    name : str
        What the test is called.
    text : str or sequence of str
        Templates such as "{one} rowed, {other} did not."; several are drawn from.
    question : str
        A template for the question.
    answer : str, sequence of str or None
        The accepted answer as a template, or several from the shortest to the longest; None where the reader has to
        abstain.
    slots : mapping of str to words
        The name of each slot and the words that fill it. Words that belong together are tuples, used as "{verb[0]}",
        "{verb[1]}".
    capability : str, default "own"
        What the test is about, one of `CAPABILITIES` or a word of your own.
    sentence : str, optional
        What is tested; None takes the templates themselves.
    source : str, optional
        The paper that named the behaviour.

    Returns
    -------
    BehaviorTest

    Raises
    ------
    InputError
        For a slot without words, or an answer that the text does not hold.

    Examples
    --------
    >>> test = template_test("rowing", text="{one} rowed, {other} slept.", question="Who rowed?", answer="{one}",
    ...     slots={"one": ["Ada", "Tobias"], "other": ["Ada", "Tobias"]})
    >>> case = test.draw(Random(1))
    >>> case.context, case.accepted
    ('Ada rowed, Tobias slept.', ('Ada',))
    """
    texts = (text,) if isinstance(text, str) else tuple(text)
    accepted = () if answer is None else (answer,) if isinstance(answer, str) else tuple(answer)
    _check_template(name, texts, question, accepted, slots)
    expect: Expectation = "no answer" if answer is None else "answer"

    def draw(rng: Random) -> Case:
        chosen = rng.choice(texts)
        words = fill_slots(slots, rng)
        context = _sentence_case(chosen.format_map(words))
        asked = _sentence_case(question.format_map(words))
        return Case(asked, context, expect, tuple(one.format_map(words) for one in accepted))

    said = sentence or f"“{texts[0]}” {question}"
    return BehaviorTest(_described(name, capability, expect, said, source), draw=draw)


def edit_test(
    name: str,
    edit: Edit,
    *,
    expect: Expectation = "same answer",
    capability: str = "own",
    sentence: str | None = None,
    failure: str | None = None,
    source: str | None = None,
) -> BehaviorTest:
    """A test of an edit: a function makes of each example another question or text with a known outcome.

    Parameters
    ----------
    name : str
        What the test is called.
    edit : callable
        Takes an `Example` and a `random.Random`; gives the edited `Example`, or a text that says why this example is
        left out. Where words of the answer change, too, it gives a whole `Case`.
    expect : {"same answer", "no answer", "another answer"}, default "same answer"
        "same answer": the answer may not change. "no answer": the reader has to abstain after the edit. "another answer": the
        gold answer would be wrong after the edit; examples without one are left out.
    capability : str, default "own"
        As for `template_test`.
    sentence : str, optional
        As for `template_test`; None takes the first line of the function's docstring.
    failure : str, optional
        What counts as a failure, in words; None says what the expectation says.
    source : str, optional
        As for `template_test`.

    Returns
    -------
    BehaviorTest

    Raises
    ------
    InputError
        For another expectation.

    Examples
    --------
    >>> from dataclasses import replace
    >>> def shouted(example, rng):
    ...     "The question in capitals."
    ...     return replace(example, question=example.question.upper())
    >>> edit_test("shouted", shouted).edit(Example("Who rowed?", "Ada rowed."), Random(0)).question
    'WHO ROWED?'
    """
    if expect not in EXPECTATIONS[1:]:
        known = ", ".join(map(repr, EXPECTATIONS[1:]))
        raise InputError(f"An edit expects one of {known}, but got {shown(expect)}.")

    said = sentence or (edit.__doc__ or name).strip().splitlines()[0]
    return BehaviorTest(
        _described(name, capability, expect, said, source, failure), edit=_Edited(edit, expect)
    )


@dataclass(frozen=True, slots=True)
class _Edited:
    """What makes a case of an example by an edit; a class of its own, so that other processes can be handed it."""

    edit: Edit
    expect: Expectation

    def __call__(self, example: Example, rng: Random) -> Case | str:
        made = self.edit(example, rng)
        if isinstance(made, Case | str):
            return made
        if (made.question, made.context) == (example.question, example.context):
            return "there was nothing to edit"
        accepted = tuple(dict.fromkeys(span.of(example.context) for span in example.gold or ()))
        if self.expect == "another answer" and not accepted:
            return "no gold answer is known"
        if self.expect == "same answer" and not all(one in made.context for one in accepted):
            return "the edit touched a gold answer"
        original = (example.question, example.context)
        return Case(made.question, made.context, self.expect, accepted, original)


def fill_slots(slots: Mapping[str, Words], rng: Random) -> dict[str, Any]:
    """A word for each slot; those that draw from equal lists get different words.

    >>> sorted(fill_slots({"a": ["x", "y"], "b": ["x", "y"]}, Random(0)).values())
    ['x', 'y']
    """
    names: dict[tuple[Any, ...], list[str]] = {}
    for name, words in slots.items():
        names.setdefault(tuple(words), []).append(name)
    return {
        name: word
        for words, same in names.items()
        for name, word in zip(same, rng.sample(words, len(same)), strict=True)
    }


def _described(
    name: str,
    capability: str,
    expect: Expectation,
    sentence: str,
    source: str | None,
    failure: str | None = None,
) -> Description:
    return Description(name, capability, _KIND_OF[expect], sentence, failure or _FAILURE[expect], source)


def _check_template(
    name: str, texts: Sequence[str], question: str, accepted: Sequence[str], slots: Mapping[str, Any]
) -> None:
    """Raise `InputError` where a template cannot be filled."""
    used = {slot for part in (*texts, question, *accepted) for slot in _SLOT.findall(part)}
    if missing := sorted(used - set(slots)):
        raise InputError(
            f"The template {shown(name)} has no words for {', '.join(f'{{{slot}}}' for slot in missing)}; give them under slots."
        )
    for slot, words in slots.items():
        alike = sum(tuple(other) == tuple(words) for other in slots.values())
        if isinstance(words, str) or len(set(words)) < alike:
            raise InputError(
                f"The slot {shown(slot)} of {shown(name)} needs a list of at least {alike} different words, but has {shown(words)}."
            )
    for one in accepted:
        if not all(one in text for text in texts):
            raise InputError(
                f"The answer {shown(one)} of {shown(name)} does not stand in every text of the template; a reader could not say it."
            )


def _sentence_case(text: str) -> str:
    return text[:1].upper() + text[1:]
