"""The options of the question-answering pipeline: the old names, checked, and those that are new."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, Literal

from qalens.errors import InputError

Scores = Literal["probability", "product", "transformers"]
_SCORES = ("probability", "product", "transformers")
_LEAST = {"top_k": 1, "max_answer_len": 1, "max_seq_len": 1, "max_question_len": 1, "doc_stride": 0}
_SWITCHES = ("handle_impossible_answer", "align_to_words", "return_reading")


@dataclass(frozen=True, slots=True)
class PipelineOptions:
    """How the pipeline reads and what it returns; every value can be given when it is made and at each call.

    - `top_k`: how many answers; 1 gives one dict, more give a list of dicts
    - `doc_stride`: overlap of two windows in tokens; None takes the smaller of 128 and half of `max_seq_len`
    - `max_answer_len`: longest answer in tokens
    - `max_seq_len`: tokens of one window; None takes the smaller of 384 and what the model can take
    - `max_question_len`: most tokens of the question; None cuts it only where it would leave the text too little room
    - `handle_impossible_answer`: whether no answer is one of the answers, as the empty text at 0
    - `align_to_words`: whether an answer that begins or ends inside a word is widened to the whole word
    - `scores`: "probability", P(span) among all spans of all windows and no answer; "transformers", the numbers of the old
      pipeline with all its rules, where the scores of equal texts are added up; "product", the same products window by window
      without its faults: the best copy of each place, and no blanks around an answer
    - `return_reading`: whether every answer holds the `Reading` behind it under "reading"

    Raises `InputError` for a value that cannot work.

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

    def __post_init__(self) -> None:
        for name, least in _LEAST.items():
            value = getattr(self, name)
            if value is None and name not in ("top_k", "max_answer_len"):
                continue
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise InputError(f"{name} has to be a whole number from {least} on, but is {value!r}.")
        for name in _SWITCHES:
            if not isinstance(getattr(self, name), bool):
                raise InputError(f"{name} has to be True or False, but is {getattr(self, name)!r}.")
        if self.scores not in _SCORES:
            raise InputError(f"scores has to be one of {', '.join(_SCORES)}, but is {self.scores!r}.")

    def with_changes(self, given: dict[str, Any]) -> PipelineOptions:
        """The same options with those that were given; None leaves an option as it is.

        `topk`, the name of `top_k` before transformers 4.3, is understood; `padding` is too, and changes nothing. Raises
        `InputError` for a name that is none of these.
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
