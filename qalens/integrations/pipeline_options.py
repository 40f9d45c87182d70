"""The options of the question-answering pipeline: the old names, checked, and those that are new."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, Literal

from qalens.checks import is_whole
from qalens.errors import InputError, shown
from qalens.readings.reading import check_cut

Scores = Literal["probability", "product", "transformers"]
_SCORES = ("probability", "product", "transformers")
_LEAST = {"top_k": 1, "max_answer_len": 1, "max_seq_len": 1, "max_question_len": 1, "doc_stride": 0}
_SWITCHES = ("handle_impossible_answer", "align_to_words", "return_reading")


@dataclass(frozen=True, slots=True)
class PipelineOptions:
    """The options of the pipeline; each can be given when it is created and at each call.

    Attributes
    ----------
    top_k : int, default 1
        How many answers; 1 returns one dict, more a list of dicts.
    doc_stride : int or None, default None
        Overlap of two windows in tokens; None takes the smaller of 128 and half of `max_seq_len`.
    max_answer_len : int, default 15
        The longest answer in tokens.
    max_seq_len : int or None, default None
        Tokens of one window; None takes the smaller of 384 and what the model allows.
    max_question_len : int or None, default None
        The most tokens of the question; None truncates it only if it would leave too little space for the text.
    handle_impossible_answer : bool, default False
        Whether no answer is one of the answers, as the empty text at 0.
    align_to_words : bool, default True
        Whether an answer that begins or ends inside a word is widened to the whole word; in scripts without spaces
        each token is a word.
    scores : Scores, default "probability"
        "probability": that of all spans that widen to the answer, among all spans of all windows and no answer.
        "transformers": the numbers of the old pipeline with all its rules, which add up the scores of equal texts.
        "product": the same products window by window without its faults: the best copy of each span, and no
        whitespace around an answer.
    return_reading : bool, default False
        Whether every answer holds its `Reading` under "reading".
    cut : float or None, default None
        All answers of a question that has several: a list with every place of at least this probability (between 0 and
        1), as `Reading.answers` takes them, each with the probability of its place; `top_k` does not apply. No answer
        is the empty text at 0, where `handle_impossible_answer` allows it. None lists the best `top_k` spans.

    Raises
    ------
    InputError
        For a value that cannot work.

    Examples
    --------
    >>> PipelineOptions().with_changes({"top_k": 3}).top_k
    3
    """

    top_k: int = 1
    doc_stride: int | None = None
    max_answer_len: int = 15
    max_seq_len: int | None = None
    max_question_len: int | None = None
    handle_impossible_answer: bool = False
    align_to_words: bool = True
    scores: Scores = "probability"
    return_reading: bool = False
    cut: float | None = None

    def __post_init__(self) -> None:
        for name, least in _LEAST.items():
            value = getattr(self, name)
            if value is None and name not in ("top_k", "max_answer_len"):
                continue
            if not is_whole(value, least):
                raise InputError(f"{name} has to be a whole number from {least} on, but is {shown(value)}.")
        for name in _SWITCHES:
            if not isinstance(getattr(self, name), bool):
                raise InputError(f"{name} has to be True or False, but is {shown(getattr(self, name))}.")
        if self.scores not in _SCORES:
            raise InputError(f"scores has to be one of {', '.join(_SCORES)}, but is {shown(self.scores)}.")
        if self.cut is not None:
            check_cut(self.cut)
            if self.scores != "probability":
                raise InputError(
                    f'cut counts probabilities, so scores has to be "probability", but is {shown(self.scores)}.'
                )

    def with_changes(self, given: dict[str, Any]) -> PipelineOptions:
        """The same options with those that were given.

        `topk`, the name of `top_k` before transformers 4.3, is accepted; `padding` is too, and has no effect.

        Parameters
        ----------
        given : dict of str to object
            Values by name; None keeps an option.

        Returns
        -------
        PipelineOptions

        Raises
        ------
        InputError
            For an unknown name.
        """
        given = {name: value for name, value in given.items() if value is not None and name != "padding"}
        if "topk" in given:
            given.setdefault("top_k", given.pop("topk"))
        known = [field.name for field in fields(self)]
        if unknown := sorted(set(given) - set(known)):
            raise InputError(
                f"The question-answering pipeline has no option {', '.join(unknown)}; it has {', '.join(known)}, "
                "batch_size and num_workers."
            )
        return replace(self, **given)
