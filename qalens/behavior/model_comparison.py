"""What came of several models on the same questions: scores, ranks, behaviours, calibration, speed, and where they part."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

from qalens.behavior.report import BehaviorReport
from qalens.errors import InputError, MissingExtraError, shown
from qalens.evaluation.columns import By
from qalens.evaluation.intervals import Estimate
from qalens.evaluation.report import Report
from qalens.evaluation.rows import ExampleRow
from qalens.records import Shown, brief
from qalens.text.visible import visible

if TYPE_CHECKING:
    import pandas

Score = Literal["exact", "F1", "HasAns exact", "HasAns F1", "NoAns exact"]
SCORES: tuple[Score, ...] = get_args(Score)


@brief
@dataclass(frozen=True, slots=True)
class ComparedModel:
    """One of several models.

    Attributes
    ----------
    name
        As it was given.
    report
        Its rows on the questions that all models have.
    scores
        {name of the score: percent, with an interval that holds for all models at once}.
    rank
        The best and the worst that it may have by the score that ranks.
    calibration_error
        Expected calibration error of the probability of the decision, from 0 to 1, corrected for what few questions add to
        it; nan where no text could be read.
    behavior
        Its behaviour tests, None where there are none.
    speed
        Questions read per second on this machine; None where a finished report was given.
    """

    name: str
    report: Report
    scores: Mapping[Score, Estimate]
    rank: tuple[int, int]
    calibration_error: float
    behavior: BehaviorReport | None
    speed: float | None

    @property
    def rank_text(self) -> str:
        """The rank in words.

        Equal ends give one number, others a range such as "1–3".
        """
        best, worst = self.rank
        return str(best) if best == worst else f"{best}–{worst}"


@brief
@dataclass(frozen=True, slots=True)
class ModelDifference:
    """How far one model is ahead of another, in points; the intervals of all pairs hold at once."""

    first: str
    second: str
    change: Estimate

    @property
    def clear(self) -> bool:
        """Whether the interval leaves out 0."""
        return self.change.low > 0 or self.change.high < 0


@brief
@dataclass(frozen=True, slots=True)
class PartingQuestion:
    """A question that some models get right and others do not.

    Attributes
    ----------
    rows
        The row of each model, in their order.
    right
        Whether each is an exact match.
    """

    rows: tuple[ExampleRow, ...]
    right: tuple[bool, ...]

    @property
    def question(self) -> str:
        """The question."""
        return self.rows[0].question

    @property
    def answers(self) -> tuple[str | None, ...]:
        """What each model says; None is no answer."""
        return tuple(None if row.answer is None else row.answer.text for row in self.rows)


@brief
@dataclass(frozen=True, slots=True)
class ModelComparison(Shown):
    """Several models on the same questions; in a notebook it shows itself.

    Attributes
    ----------
    models
        In the order they were given.
    differences
        Of all pairs, by the score that ranks.
    parting
        Questions on which they part, those that split the models most evenly first.
    score
        The score that ranks.
    questions, by, level
        How many questions all models share, what is resampled for the intervals, and how often they hold.
    """

    models: tuple[ComparedModel, ...]
    differences: tuple[ModelDifference, ...]
    parting: tuple[PartingQuestion, ...]
    score: Score
    questions: int
    by: By
    level: float

    def __len__(self) -> int:
        """How many models there are."""
        return len(self.models)

    def __getitem__(self, name: str) -> ComparedModel:
        """A model by its name; an `InputError` where there is none."""
        for one in self.models:
            if one.name == name:
                return one
        raise InputError(
            f"There is no model {shown(name)}; there are {', '.join(one.name for one in self.models)}."
        )

    @property
    def ranked(self) -> tuple[ComparedModel, ...]:
        """The models, best value first; ties are told by their ranks, not by this order."""
        return tuple(sorted(self.models, key=lambda one: -one.scores[self.score].value))

    def difference(self, first: str, second: str) -> Estimate:
        """How far one model is ahead of another in points, with its interval."""
        for one in self.differences:
            if (one.first, one.second) == (first, second):
                return one.change
            if (one.second, one.first) == (first, second):
                change = one.change
                return Estimate(-change.value, -change.high, -change.low, change.count)
        raise InputError(f"There is no pair of different models {shown(first)} and {shown(second)}.")

    def to_pandas(self) -> pandas.DataFrame:
        """One line for each model, best value first; an error where pandas is not installed."""
        try:
            import pandas as pd
        except ImportError as error:
            raise MissingExtraError(
                "A table for pandas needs pandas, which is not installed: pip install pandas"
            ) from error
        return pd.DataFrame([_flat(one) for one in self.ranked])

    def to_markdown(self) -> str:
        """The table of the models as Markdown, for a model card; names are written as text."""
        from qalens.behavior.model_card import comparison_markdown

        return comparison_markdown(self)

    def __str__(self) -> str:
        lines = [
            f"{visible(one.name):<28}{one.rank_text:>6}  {one.scores[self.score]}" for one in self.ranked
        ]
        head = (
            f"{self.questions:,} questions; {self.score} with intervals that hold at once at {self.level:.0%}"
        )
        return "\n".join([head, *lines])


def _flat(one: ComparedModel) -> dict[str, Any]:
    scores: dict[str, Any] = {}
    for name, estimate in one.scores.items():
        scores |= {name: estimate.value, f"{name} low": estimate.low, f"{name} high": estimate.high}
    line = {"model": one.name, "rank_best": one.rank[0], "rank_worst": one.rank[1], **scores}
    behaviors = (
        {}
        if one.behavior is None
        else {f"fails {result.name}": float(result.failure_rate.value) for result in one.behavior}
    )
    return line | {"calibration_error": one.calibration_error, "questions_per_second": one.speed} | behaviors
