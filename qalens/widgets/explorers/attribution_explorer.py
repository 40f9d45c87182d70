"""The explorer of why: question and text coloured by what each word contributes to a number of the reading."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, cast, get_args

import numpy as np
import traitlets

from qalens.checks import is_whole
from qalens.display.content.attribution import strongest
from qalens.display.labels import clip, clip_middle
from qalens.display.numbers import count
from qalens.display.parts import Table
from qalens.display.wording import method_name
from qalens.errors import InputError, shown
from qalens.explain.attribution.record import Attribution, Baseline, FailedAttribution, Method
from qalens.explain.targets import Contrast, TargetName
from qalens.readings.documents import DocumentsReading
from qalens.readings.reading import Reading
from qalens.text.examples import NO_ANSWER
from qalens.widgets.computing import ComputingExplorer, check_choice, several
from qalens.widgets.explorer import check_reading
from qalens.widgets.explorers.attribution_view import (
    Choice,
    Side,
    attribution_entry,
    choice_of,
    reading_arrays,
    reading_view,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_TARGETS = (*get_args(TargetName), "contrast")
_ABOUT_NO_SPAN = {"no_answer": "logit of P(no answer)", "null_score": "null score"}


class AttributionExplorer(ComputingExplorer):
    """Explore why a reading came out as it did: what each word of the question and the text contributes.

    Nothing is computed before it is shown, something is chosen, or `compute()` is called. Keys in the text: arrows, Home and End
    move; Enter takes the best span with a token as the one that is explained; Shift and an arrow choose a span token by token.

    Parameters
    ----------
    reading : Reading or DocumentsReading
        What is explained.
    attributions : Attribution or sequence of Attribution, optional
        What was computed already of this reading; they need no model.
    reader : Reader, optional
        The `Reader` that made the reading; with it the explorer computes what is chosen, in a thread, shows how far it is, and
        can be stopped. What was computed is kept.
    **options
        The attributes below, which are traits: they can be observed, linked and set.

    Attributes
    ----------
    target : {"answer", "start", "end", "no_answer", "null_score", "contrast"}
        Which number is explained; by default that of the decision, the answer or no answer.
    span : tuple of (int, int) or None
        Which span it is about, in characters; None takes the answer (the best span, where the reading abstains), and () no
        answer, for a contrast.
    rival : tuple of (int, int) or None
        What a contrast compares it with; None or () is no answer.
    method : {"integrated_gradients", "input_x_gradient", "occlusion", "shapley"}
        How to attribute.
    baseline : {"pad", "mask", "mean", "zero"} or None
        None takes what there is, else the usual one of the model.
    unit : {"word", "token"}
        What is coloured; "word" by default.

    Raises
    ------
    InputError
        For what is no reading, for attributions of another one, and where there is neither attribution nor reader.

    Examples
    --------
    >>> from qalens.reader import Reader
    >>> from qalens.testing import toy_model, toy_tokenizer
    >>> reader = Reader(toy_model(), toy_tokenizer())
    >>> reading = reader.read("Who kept the lamp?", "Ada kept the lamp.")
    >>> explorer = AttributionExplorer(reading, reader.attribute(reading, "no_answer", "input_x_gradient"))
    >>> explorer.target, explorer.attribution.method
    ('no_answer', 'input_x_gradient')
    """

    script = "attribution_explorer"
    height = 1000

    target = traitlets.Unicode("answer").tag(sync=True)
    span = traitlets.Tuple(default_value=None, allow_none=True).tag(sync=True)
    rival = traitlets.Tuple(default_value=None, allow_none=True).tag(sync=True)
    method = traitlets.Unicode("integrated_gradients").tag(sync=True)
    baseline = traitlets.Unicode(None, allow_none=True).tag(sync=True)
    unit = traitlets.Unicode("word").tag(sync=True)
    places = traitlets.Bytes().tag(sync=True)
    holders = traitlets.Bytes().tag(sync=True)

    def __init__(
        self,
        reading: Reading | DocumentsReading,
        attributions: Attribution | Iterable[Attribution] = (),
        *,
        reader: Any = None,
        **options: Any,
    ):
        reading = self.reading = check_reading(reading, "AttributionExplorer")
        given = check_attributions(reading, attributions)
        if not given and reader is None:
            raise InputError(
                "AttributionExplorer needs something to show: an attribution, as reader.attribute(reading) gives it, or "
                "the reader itself, as reader=…"
            )
        if not given and reading.answer is None:
            # What is explained is what the model decided.
            options = {"target": "no_answer", **options}
        super().__init__(given, reader, {"view": reading_view(reading), **reading_arrays(reading)}, **options)
        if given and not {"target", "span", "rival", "method", "baseline"} & set(options):
            self._choose(choice_of(given[0]))
        self._settle()

    @property
    def choice(self) -> Choice:
        """What the options ask for, with the spans that None stands for."""
        best = self.reading.decision.best
        answer = () if best is None else (best.span.start, best.span.end)
        span: Side = answer if self.span is None else self.span
        rival: Side = () if self.rival is None else self.rival
        if self.target in _ABOUT_NO_SPAN:
            span = ()
        return Choice(
            self.target, span, rival if self.target == "contrast" else (), self.method, self.baseline
        )

    @property
    def attributions(self) -> tuple[Attribution, ...]:
        """All that was given and computed, in that order."""
        return self.records

    @property
    def attribution(self) -> Attribution | None:
        """The attribution that is shown; None where nothing was computed yet."""
        return self.record

    # --- choosing ---

    @traitlets.validate("target", "method", "baseline", "unit")
    def _check_name(self, proposal: Mapping[str, Any]) -> str | None:
        name, value = proposal["trait"].name, proposal["value"]
        known = {
            "target": _TARGETS,
            "method": get_args(Method),
            "baseline": (*get_args(Baseline), None),
            "unit": ("word", "token"),
        }
        return check_choice(name, value, known[name])

    @traitlets.validate("span", "rival")
    def _check_side(self, proposal: Mapping[str, Any]) -> Side | None:
        return check_side(proposal["trait"].name, proposal["value"], len(self.reading.context))

    @traitlets.observe("target", "span", "rival", "method", "baseline")
    def _chosen(self, _: object) -> None:
        self._show_or_compute()

    @traitlets.observe("shown")
    def _turned(self, _: object) -> None:
        if self._settled and self.shown >= 0:
            choice = choice_of(self._records[self.shown])
            if not self.choice.asks_for(choice):
                self._choose(choice)

    def _choose(self, choice: Choice) -> None:
        with self.hold_trait_notifications():
            self.target, self.method, self.baseline = choice.target, choice.method, choice.baseline
            self.span = None if choice.target in _ABOUT_NO_SPAN else choice.span
            self.rival = choice.rival if choice.target == "contrast" else None

    def _fits(self, choice: Choice, record: Attribution) -> bool:
        return choice.asks_for(choice_of(record))

    def _entry(self, record: Attribution) -> dict[str, Any]:
        return attribution_entry(self.reading, record)

    # --- computing ---

    def _compute(self, choice: Choice, watch: Callable[[int], None] | None) -> Attribution:
        span, rival = (side or None for side in (choice.span, choice.rival))
        target = Contrast(span, rival) if choice.target == "contrast" else choice.target
        return self.reader.attribute(
            self.reading,
            target,
            choice.method,
            span=span if choice.target in ("answer", "start", "end") else None,
            watch=watch,
            baseline=choice.baseline,
        )

    def _doing(self, choice: Choice) -> str:
        names = {"answer": "score", "start": "start logit", "end": "end logit"}
        span, rival = (self._quoted(side) for side in (choice.span, choice.rival))
        if choice.target == "contrast":
            what = f"{span} over {rival}"
        elif choice.target in _ABOUT_NO_SPAN:
            what = _ABOUT_NO_SPAN[choice.target]
        else:
            what = f"{names[choice.target]} of {span}"
        return f"{method_name(choice.method)} for the {what}"

    def _progress(self, done: int) -> str:
        return f"{count(done, 'row')} through the model"

    def _quoted(self, side: Side) -> str:
        return f"“{clip_middle(self.reading.context[slice(*side)], 60)}”" if side else NO_ANSWER

    def _keep(self, record: Attribution) -> None:
        super()._keep(record)
        # The baseline that was taken is now the one that is asked for.
        if self.baseline is None and self._fits(self.choice, record):
            settled, self._settled = self._settled, False
            self.baseline = record.baseline
            self._settled = settled

    # --- static exports ---

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        bundle = super()._repr_mimebundle_(**kwargs)
        self.begin()
        return bundle

    def summary(self) -> str:
        """What is explained and the question."""
        shown = self.attribution
        what = "nothing explained yet" if shown is None else f"what contributes to {shown.target.words}"
        return f"{clip(self.reading.question, 120)} — {clip(what, 120)}"

    def table(self) -> Table | None:
        """The words that speak most for or against what is explained."""
        return strongest(self.attribution) if self.attribution is not None else None

    def figure(self) -> Figure:
        """The attribution that is shown as a figure of matplotlib: the words in lines, the scale, and the diagnostics."""
        from matplotlib import pyplot as plt

        from qalens.display import plots

        if self.attribution is None:
            raise InputError("Nothing was explained yet, so there is no figure; call compute() first.")
        figure = cast("Figure", plots.attribution(self.attribution).get_figure(root=True))
        # A notebook would show an open figure a second time.
        plt.close(figure)
        return figure


def check_attributions(
    reading: Reading, attributions: Attribution | Iterable[Attribution]
) -> list[Attribution]:
    """The attributions as a list, or `InputError` where one is none, or of another reading.

    >>> from qalens.testing import planted_reading
    >>> check_attributions(planted_reading("Who?", "Ada kept it.", answer="Ada"), ["Ada"])
    Traceback (most recent call last):
    qalens.errors.InputError: An attribution has to be one, as reader.attribute(reading) gives it, but is 'Ada'.
    """
    given = several(attributions, (Attribution, FailedAttribution))
    for one in given:
        if isinstance(one, FailedAttribution):
            raise InputError(f"This could not be explained, so there is nothing to show: {one.error}")
        if not isinstance(one, Attribution):
            raise InputError(
                f"An attribution has to be one, as reader.attribute(reading) gives it, but is {shown(one)}."
            )
        if not _is_of(one, reading):
            raise InputError(
                f"The attribution of {clip(one.target.words, 80)} is of another reading than the one that is shown: its "
                "question, text, tokens or model differ."
            )
    return given


def _is_of(attribution: Attribution, reading: Reading) -> bool:
    w, T = attribution.target.window, len(attribution.tokens)
    same_text = (attribution.question, attribution.context) == (reading.question, reading.context)
    if not same_text or w >= len(reading.windows) or int(reading.windows.lengths[w]) != T:
        return False
    sources = (attribution.source, reading.source)
    return (None in sources or sources[0] == sources[1]) and np.array_equal(
        attribution.offsets, reading.windows.offsets[w, :T]
    )


def check_side(name: str, value: Any, size: int) -> Side | None:
    """One side of a target: (start, end) in a text of `size` characters, () for no answer, None for the usual one.

    >>> check_side("span", [0, 3], 18), check_side("rival", [], 18)
    ((0, 3), ())
    """
    if value is None or not value:
        return None if value is None else ()
    pair = tuple(value)
    if len(pair) != 2 or not all(map(is_whole, pair)):
        raise InputError(
            f"{name} has to be (start, end) in characters, () for no answer, or None, but is {shown(value)}."
        )
    if not 0 <= pair[0] < pair[1] <= size:
        raise InputError(f"The text has {size:,} characters and no stretch {pair[0]}–{pair[1]}.")
    return int(pair[0]), int(pair[1])
