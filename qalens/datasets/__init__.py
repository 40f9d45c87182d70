"""A small data set of our own, to try things on: questions over short texts, a third of them without an answer.

Sixty-six questions over twenty paragraphs (history, science, sport, a letter, a recipe, a timetable, a German and a
Japanese text, …), all written for qalens; names and facts are invented. It is for examples, lessons and quick checks, and
too small to rank models by. The file is in SQuAD 2.0 form, for other tools too; its place is `SAMPLE_FILE`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal, get_args

from qalens.text.examples import Example
from qalens.text.squad_files import read_squad

Cause = Literal["entity_swap", "number_swap", "negation", "antonym", "mutual_exclusion", "no_information"]
CAUSES: tuple[Cause, ...] = get_args(Cause)
SAMPLE_FILE = Path(__file__).with_name("sample.json")

__all__ = ["CAUSES", "SAMPLE_FILE", "Cause", "sample", "sample_causes"]


def sample() -> list[Example]:
    """The questions of the bundled sample, text by text, each with an id and its gold answers.

    An answerable question has one to three gold spans, the fullest natural answer among them; an unanswerable one has
    `gold == ()`, and `sample_causes` has the cause.

    Returns
    -------
    list of Example

    Examples
    --------
    >>> examples = sample()
    >>> len(examples), sum(example.gold == () for example in examples)
    (66, 23)
    >>> examples[0].question, [span.of(examples[0].context) for span in examples[0].gold]
    ('Who opened the observatory on Mount Calder?', ['Ines Valcourt', 'the astronomer Ines Valcourt'])
    """
    return list(read_squad(SAMPLE_FILE))


def sample_causes() -> dict[str, Cause]:
    """Why each unanswerable question of the sample has no answer.

    The causes are the ways in which SQuAD 2.0 questions were made unanswerable:

    - "entity_swap": another person or thing than the one in the text

    - "number_swap": another number or date

    - "negation": a negation was inserted

    - "antonym": a word was replaced by its opposite

    - "mutual_exclusion": the question asks for something that the text excludes

    - "no_information": the text is about the subject but does not answer

    Returns
    -------
    dict of str to Cause
        The cause by the id of the question.

    References
    ----------
    Rajpurkar et al. 2018, table 1; numbers apart from other names as in Lee et al. 2020.

    Examples
    --------
    >>> causes = sample_causes()
    >>> causes["observatory-2"], set(causes.values()) == set(CAUSES)
    ('entity_swap', True)
    """
    articles = json.loads(SAMPLE_FILE.read_text(encoding="utf-8"))["data"]
    return {
        entry["id"]: entry["cause"]
        for article in articles
        for paragraph in article["paragraphs"]
        for entry in paragraph["qas"]
        if entry["is_impossible"]
    }
