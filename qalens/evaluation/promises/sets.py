"""Prediction sets: the places among which the right one is, no answer among them, with a stated probability."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from qalens.errors import InputError, shown
from qalens.evaluation.columns import By, groups
from qalens.evaluation.promises.conformal import check_coverage, conformal_cut
from qalens.evaluation.promises.shift import Evidence, ShiftCheck, compare_evidence, evidence_of
from qalens.evaluation.rows import ExampleRow, Readable, row_of
from qalens.evaluation.scores.figures import kind_of
from qalens.readings.documents import DocumentsReading, one_reading
from qalens.readings.reading import Reading, Source, check_source
from qalens.records import Shown
from qalens.spans.distribution import Cluster
from qalens.spans.places import likely_places
from qalens.text.examples import NO_ANSWER, CharSpan

# What is known of a question before its answer is.
Within = Literal["question word", "text length", "windows"]


@dataclass(frozen=True, slots=True)
class PredictionSet(Shown):
    """The places that are needed so that the right one is among them with the stated probability.

    Attributes
    ----------
    places : tuple of Cluster or None
        Clusters of overlapping spans, each with its best span, and None for no answer; most probable first.
    probabilities : tuple of float
        The probability of each place.
    coverage : float
        The stated probability, over questions like those that the cut was found on.
    cut : float
        The probability that a place has to reach; the most probable one is always taken.
    reading : Reading
        The reading whose places they are; of many documents the joined one.
    """

    places: tuple[Cluster | None, ...]
    probabilities: tuple[float, ...]
    coverage: float
    cut: float
    reading: Reading

    def __len__(self) -> int:
        """How many places there are, no answer among them."""
        return len(self.places)

    @property
    def holds_no_answer(self) -> bool:
        """Whether "no answer" is among the places."""
        return None in self.places

    def covers(self, gold: Sequence[CharSpan]) -> bool:
        """Whether the best span of a place overlaps a gold span; without gold spans, whether no answer is among the
        places.

        Parameters
        ----------
        gold : sequence of CharSpan
            The gold spans.

        Returns
        -------
        bool

        Examples
        --------
        >>> from qalens.testing import planted_reading
        >>> reading = planted_reading("Who kept it?", "Ada kept it.", answer="Ada")
        >>> found = PredictionSet(reading.spans.clusters(1), (0.99,), 0.9, 0.2, reading)
        >>> found.covers([CharSpan(0, 3)]), found.covers([])
        (True, False)
        """
        if not gold:
            return self.holds_no_answer
        taken = [place.best.span for place in self.places if place is not None]
        return any(span.start < one.end and one.start < span.end for span in taken for one in gold)

    def to_dict(self) -> dict[str, Any]:
        """The places as plain numbers and strings, ready for JSON; no answer has the text None."""
        named = zip(self.places, self.probabilities, strict=True)
        return {
            "coverage": self.coverage,
            "cut": self.cut if math.isfinite(self.cut) else None,
            "places": [
                {
                    "text": None if place is None else place.best.text,
                    "start": None if place is None else place.best.span.start,
                    "end": None if place is None else place.best.span.end,
                    "probability": probability,
                }
                for place, probability in named
            ],
        }

    def __repr__(self) -> str:
        texts = [NO_ANSWER if place is None else repr(place.best.text[:60]) for place in self.places[:6]]
        more = f" and {len(self) - 6:,} more" if len(self) > 6 else ""
        return f"PredictionSet({', '.join(texts)}{more}; coverage {self.coverage:g})"


@dataclass(frozen=True, slots=True)
class PredictionSets:
    """A calibrated predictor of sets that hold the right place as often as stated.

    Attributes
    ----------
    coverage : float
        The stated probability.
    by : By
        What was taken as exchangeable, "question", "text" or "title".
    cut : float
        The probability that a place has to reach; minus infinity if there are too few groups to guarantee anything.
    questions, groups : int
        What the cut was found on.
    within : Within or None, default None
        The property of which each kind has its own cut, or None.
    cuts : mapping of str to float
        The cut of each kind of question, found on questions of that kind alone.
    source : Source or None, default None
        The model that read; a reading of another one is refused.
    evidence : Evidence or None
        The numbers of the calibration that `check` compares.
    """

    coverage: float
    by: By
    cut: float
    questions: int
    groups: int
    within: Within | None = None
    cuts: Mapping[str, float] = field(default_factory=dict)
    source: Source | None = None
    evidence: Evidence | None = field(default=None, repr=False)

    def predict(self, reading: Reading | DocumentsReading) -> PredictionSet:
        """The places of one reading.

        Parameters
        ----------
        reading : Reading or DocumentsReading
            A reading of one text or of many documents.

        Returns
        -------
        PredictionSet

        Raises
        ------
        InputError
            For anything else, and for a reading of another model than the cut was found with.
        """
        reading = one_reading(reading)
        check_source(reading, self.source, "cut")
        cut = self._cut_of(reading)
        likely = likely_places(reading.spans, least=max(0.0, min(cut, 1.0))).clusters(reading.spans)
        found = likely or reading.spans.clusters(1)
        none = reading.no_answer_probability
        ranked = sorted([*((one.probability, one) for one in found), (none, None)], key=lambda pair: -pair[0])
        kept = [pair for k, pair in enumerate(ranked) if not k or pair[0] >= cut]
        probabilities, places = zip(*kept, strict=True)
        return PredictionSet(places, probabilities, self.coverage, cut, reading)

    def check(self, readings: Iterable[Readable], *, level: float = 0.05, seed: int = 0) -> ShiftCheck:
        """Ask whether new readings are like those that the cut was found on; no gold answer is needed.

        Parameters
        ----------
        readings
            Readings of new texts, or their rows.
        level
            How often it may raise a false alarm.
        seed
            Of the permutations.
        """
        if self.evidence is None:
            raise InputError("These sets do not hold what they were calibrated on; take them from a report.")
        return compare_evidence(self.evidence, evidence_of(readings), level=level, seed=seed)

    def _cut_of(self, reading: Reading) -> float:
        if self.within is None:
            return self.cut
        # A kind that was never seen has no promise of its own, so everything is let in.
        return self.cuts.get(kind_of(row_of(reading), self.within), -math.inf)

    def __repr__(self) -> str:
        return (
            f"PredictionSets(coverage {self.coverage:g}: places of P ≥ {self.cut:.4g}, found on {self.questions:,} "
            f"questions in {self.groups:,} groups by {self.by})"
        )


def prediction_sets(
    rows: Sequence[ExampleRow],
    *,
    coverage: float = 0.9,
    by: By = "text",
    within: Within | None = None,
    source: Source | None = None,
) -> PredictionSets:
    """Find the probability that a place has to reach, by split conformal prediction.

    Parameters
    ----------
    rows
        Rows of questions with known gold answers that the model was not trained on or chosen by.
    coverage
        How often the right place has to be among those of the set.
    by
        What is exchangeable: "text" (the default) promises for a question about a new text, "title" for one about a new
        article, "question" for another question about texts like these, whichever they are. Questions of one text are no
        independent questions; to count them so promises too much for new texts.
    within
        "question word", "text length" or "windows": then each kind has a cut of its own, and the promise holds for each
        kind (Mondrian conformal prediction). Kinds with too few questions get sets of all places.
    source
        The model that read.

    Raises
    ------
    InputError
        For an option that is none, and where no row can be used.

    Notes
    -----
    The score of a question is the probability of its right place, P(∅) where it has no answer. Sets are not randomised: that
    costs at most 1 / (groups + 1) of coverage above what is stated. The most probable place is always taken, which costs
    sets that would be empty.
    """
    check_coverage(coverage)
    if within is not None and within not in get_args(Within):
        raise InputError(
            f"within has to be one of {', '.join(map(repr, get_args(Within)))} or None, but is {shown(within)}."
        )
    known = [row for row in rows if row.exact is not None and row.true_place is not None]
    if not known:
        raise InputError(
            "A promise needs questions with known gold answers to learn from, but there is none."
        )
    scores = np.array([row.true_place for row in known], np.float64)
    group = groups(known, by)
    cuts: dict[str, float] = {}
    if within is not None:
        names = np.array([kind_of(row, within) for row in known])
        cuts = {
            name: conformal_cut(scores[names == name], _renumbered(group[names == name]), coverage)
            for name in sorted(set(names.tolist()))
        }
    return PredictionSets(
        coverage=coverage,
        by=by,
        cut=conformal_cut(scores, group, coverage),
        questions=len(known),
        groups=int(group.max()) + 1,
        within=within,
        cuts=cuts,
        source=source,
        evidence=evidence_of(known),
    )


def _renumbered(group: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.unique(group, return_inverse=True)[1]
