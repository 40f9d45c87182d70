"""Two answers compared as texts: exact match and F1, by the published rules of SQuAD."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from qalens.spans.distribution import normalize_answer


def exact_match(gold: str, predicted: str) -> int:
    """1 if two answers are equal without case, ASCII punctuation, articles and extra whitespace, else 0.

    No answer is the empty string here, as in the SQuAD 2.0 files.

    Parameters
    ----------
    gold : str
        The accepted answer.
    predicted : str
        The answer of the model.

    Returns
    -------
    int

    Examples
    --------
    >>> exact_match("The lamp room.", "lamp room"), exact_match("", "lamp")
    (1, 0)
    """
    return int(normalize_answer(gold) == normalize_answer(predicted))


def f1(gold: str, predicted: str) -> float:
    """The harmonic mean of precision and recall over the words of two answers, normalised as in `exact_match`.

    If one of them is empty, it is 1 if both are, else 0.

    Parameters
    ----------
    gold : str
        The accepted answer.
    predicted : str
        The answer of the model.

    Returns
    -------
    float

    Examples
    --------
    >>> f1("the upper lamp room", "lamp room")
    0.8
    """
    return _overlap(normalize_answer(gold).split(), normalize_answer(predicted).split())


def _overlap(gold_words: list[str], words: list[str]) -> float:
    if not gold_words or not words:
        return float(gold_words == words)
    same = sum((Counter(gold_words) & Counter(words)).values())
    if not same:
        return 0.0
    # By way of precision and recall, as the published figures are rounded.
    precision, recall = same / len(words), same / len(gold_words)
    return 2 * precision * recall / (precision + recall)


def accepted(texts: Iterable[str]) -> list[str]:
    """The gold answers that are not empty after normalisation; [""] if there is none, as in the SQuAD 2.0 rules.

    Parameters
    ----------
    texts : iterable of str
        The gold answers.

    Returns
    -------
    list of str

    Examples
    --------
    >>> accepted(["the", "the lamp"]), accepted(["the"])
    (['the lamp'], [''])
    """
    return [text for text in texts if normalize_answer(text)] or [""]


def best_match(golds: Iterable[str], predicted: str) -> tuple[float, float]:
    """The best exact match and the best F1 of an answer over all accepted ones.

    Parameters
    ----------
    golds : iterable of str
        The accepted answers.
    predicted : str
        The answer of the model.

    Returns
    -------
    tuple of (float, float)

    Examples
    --------
    >>> best_match(["Ada", "Ada Marlow"], "marlow")
    (0.0, 0.6666666666666666)
    """
    said = normalize_answer(predicted)
    # What several annotators gave alike is compared once.
    wanted = {normalize_answer(gold) for gold in golds} - {""} or {""}
    words = said.split()
    return float(said in wanted), max(_overlap(gold.split(), words) for gold in wanted)
