"""The options of the reader for Haystack, checked before anything is read, and those of the checkpoint behind it."""

from __future__ import annotations

import enum
import math
import numbers
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

from qalens.checks import is_whole
from qalens.errors import InputError, shown
from qalens.readings.reading import check_cut

Scores = Literal["probability", "haystack"]
_COUNTS = {
    "top_k": 0,
    "max_seq_length": 1,
    "stride": 0,
    "max_batch_size": 1,
    "answers_per_seq": 0,
    "max_answer_length": 1,
    "context_characters": 0,
}
_MAY_BE_NONE = ("max_seq_length", "stride", "max_batch_size", "answers_per_seq")
_SHARES = ("score_threshold", "overlap_threshold")


class AsMade(enum.Enum):
    """Marks an option that was not given at run time, so that None and 0 can be given.

    Examples
    --------
    >>> AsMade.AS_MADE is None
    False
    """

    AS_MADE = "as the component was made"


AS_MADE = AsMade.AS_MADE


@dataclass(frozen=True, slots=True)
class ReaderOptions:
    """The options of the reader for Haystack; the fields are the arguments of `QALensExtractiveReader`.

    Raises
    ------
    InputError
        For a value that cannot work.

    Examples
    --------
    >>> ReaderOptions(top_k=-1)
    Traceback (most recent call last):
    qalens.errors.InputError: top_k has to be a whole number from 0 on, but is -1.
    """

    top_k: int = 20
    score_threshold: float | None = None
    max_seq_length: int | None = None
    stride: int | None = None
    max_batch_size: int | None = None
    answers_per_seq: int | None = None
    no_answer: bool = True
    calibration_factor: float = 0.1
    overlap_threshold: float | None = 0.01
    scores: Scores = "probability"
    max_answer_length: int = 30
    context_characters: int = 150
    cut: float | None = None

    def __post_init__(self) -> None:
        for name, least in _COUNTS.items():
            value = getattr(self, name)
            if value is None and name in _MAY_BE_NONE:
                continue
            if not is_whole(value, least):
                raise InputError(f"{name} has to be a whole number from {least} on, but is {shown(value)}.")
        for name in _SHARES:
            value = getattr(self, name)
            if value is not None and (not _is_number(value) or not 0 <= value <= 1):
                raise InputError(f"{name} has to be a number from 0 to 1, or None, but is {shown(value)}.")
        factor = self.calibration_factor
        if not _is_number(factor) or not 0 < factor < math.inf:
            raise InputError(f"calibration_factor has to be a number above 0, but is {shown(factor)}.")
        if not isinstance(self.no_answer, bool):
            raise InputError(f"no_answer has to be True or False, but is {shown(self.no_answer)}.")
        if self.scores not in ("probability", "haystack"):
            raise InputError(f'scores has to be "probability" or "haystack", but is {shown(self.scores)}.')
        if self.cut is not None:
            check_cut(self.cut)
            if self.scores != "probability":
                raise InputError(
                    'cut counts probabilities, so scores has to be "probability", but is "haystack".'
                )

    def at_run_time(self, given: Mapping[str, Any]) -> ReaderOptions:
        """The options with those that were given to `run`.

        Parameters
        ----------
        given : mapping of str to object
            Values by name; `AS_MADE` keeps an option.

        Returns
        -------
        ReaderOptions

        Examples
        --------
        >>> ReaderOptions(overlap_threshold=0.5).at_run_time({"overlap_threshold": None, "stride": AS_MADE}).stride
        """
        return replace(self, **{name: value for name, value in given.items() if value is not AS_MADE})


OPTIONS = tuple(field.name for field in fields(ReaderOptions))


def _is_number(value: Any) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool) and not math.isnan(value)


def checkpoint_options(model_kwargs: Mapping[str, Any] | None) -> dict[str, Any]:
    """The arguments of `model.load_checkpoint` from the `model_kwargs` of a Haystack component.

    `torch_dtype` is an older name of `dtype`, `use_safetensors=False` asks for pickled weights, and
    `trust_remote_code` can only be False.

    Parameters
    ----------
    model_kwargs : mapping of str to object or None
        The arguments, or None.

    Returns
    -------
    dict of str to object
        Dtype, revision and weights.

    Raises
    ------
    InputError
        For anything else.

    Examples
    --------
    >>> checkpoint_options({"torch_dtype": "torch.bfloat16", "revision": "main"})
    {'dtype': 'bfloat16', 'revision': 'main'}
    """
    given = {} if model_kwargs is None else dict(model_kwargs)
    found: dict[str, Any] = {}
    for old in ("torch_dtype", "dtype"):
        if old in given:
            found["dtype"] = _dtype_name(given.pop(old))
    if "revision" in given:
        found["revision"] = given.pop("revision")
    if "use_safetensors" in given:
        found["weights"] = "pickle" if given.pop("use_safetensors") is False else "safetensors"
    if given.pop("trust_remote_code", False):
        raise InputError(
            "model_kwargs has trust_remote_code, but qalens never runs code that comes with a checkpoint."
        )
    if given:
        raise InputError(
            f"model_kwargs has {', '.join(map(repr, given))}, which this reader cannot use; it takes dtype (or torch_dtype), "
            "revision and use_safetensors. The device is an argument of its own."
        )
    return found


def _dtype_name(value: Any) -> str:
    """A dtype as `load_checkpoint` names it, from a name or from torch itself."""
    return str(value).removeprefix("torch.")
