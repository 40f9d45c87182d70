"""Files as the official SQuAD scripts read them: gold answers, predictions by question id, and no-answer odds."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

from qalens.errors import InputError
from qalens.evaluation.rows import ExampleRow

Said = Literal["decided", "best"]
Odds = Literal["margin", "probability"]


def read_gold(path: str | Path) -> dict[str, list[str]]:
    """The accepted answers of each question of a SQuAD 1.1 or 2.0 file, by question id; none where unanswerable.

    Only ids and the texts of answers are looked at, as in the official script. Raises `InputError` where the file is not
    of that form, where an id stands twice, and where a question has no list of answers.

    >>> import tempfile
    >>> entry = {"id": "1", "question": "Who kept the lamp?", "answers": [{"text": "Ada", "answer_start": 0}]}
    >>> with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
    ...     json.dump({"data": [{"paragraphs": [{"context": "Ada kept it.", "qas": [entry]}]}]}, file); file.flush()
    ...     read_gold(file.name)
    {'1': ['Ada']}
    """
    content = _read_json(path)
    golds: dict[str, list[str]] = {}
    try:
        entries = [
            entry
            for article in content["data"]
            for paragraph in article["paragraphs"]
            for entry in paragraph["qas"]
        ]
        for entry in entries:
            id, texts = entry["id"], [answer["text"] for answer in entry["answers"]]
            if not isinstance(id, str) or not all(isinstance(text, str) for text in texts):
                raise InputError(f"question {id!r} needs an id and answers that are texts.")
            if id in golds:
                raise InputError(f"question {id!r} stands there twice.")
            golds[id] = texts
    except (KeyError, TypeError, InputError) as error:
        reason = f"{error} is missing" if isinstance(error, KeyError) else error
        raise InputError(
            f"{path} is no SQuAD file with gold answers: expected 'data', 'paragraphs', 'qas', each question with 'id' and "
            f"'answers' ({reason})."
        ) from error
    if not golds:
        raise InputError(f"{path} holds no question.")
    return golds


def read_predictions(path: str | Path) -> dict[str, str]:
    """The answers of a prediction file by question id, "" for no answer.

    Raises `InputError` for what is no JSON object of texts, and where an id stands twice.

    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
    ...     _ = file.write('{"1": "Ada", "2": ""}'); file.flush()
    ...     read_predictions(file.name)
    {'1': 'Ada', '2': ''}
    """
    return _by_id(path, "predictions", "a text", lambda value: isinstance(value, str))


def read_odds(path: str | Path) -> dict[str, float]:
    """The no-answer odds of a file by question id: probabilities, or null score less best score.

    Raises `InputError` for what is no JSON object of numbers, and where an id stands twice.

    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
    ...     _ = file.write('{"1": 0.25}'); file.flush()
    ...     read_odds(file.name)
    {'1': 0.25}
    """
    return _by_id(path, "no-answer odds", "a number", _is_number)


def write_predictions(rows: Iterable[ExampleRow], path: str | Path, *, said: Said = "decided") -> Path:
    """Write what was answered to each question as a prediction file; returns its path.

    - `said`: "decided" writes "" where the model abstained; "best" always writes the best span, which a sweep over
      thresholds needs beside the odds of `write_odds`

    A question that could not be read gets "". Raises `InputError` for a row without an id and for an id that stands twice.

    >>> import tempfile
    >>> from qalens.evaluation.rows import example_row
    >>> from qalens.testing import planted_reading
    >>> from qalens.text import Example
    >>> reading = planted_reading("Who kept it?", "Ada kept it.", answer="Ada")
    >>> row = example_row(Example("Who kept it?", "Ada kept it.", id="1"), reading)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_predictions([row], Path(folder) / "said.json").read_text()
    '{\\n    "1": "Ada"\\n}\\n'
    """
    _check_choice("said", said, ("decided", "best"))
    spans = {id: row.answer if said == "decided" else row.best for id, row in _with_ids(rows)}
    return _write(path, {id: "" if span is None else span.text for id, span in spans.items()})


def write_odds(rows: Iterable[ExampleRow], path: str | Path, *, odds: Odds = "probability") -> Path:
    """Write how strongly each question's reading preferred no answer, as `--na-odds` takes it; returns the path.

    - `odds`: "probability" writes P(no answer), "margin" the null score less the best score, in logits

    A question that could not be read gets odds of 1, or a margin beyond all others. Raises `InputError` as
    `write_predictions` does.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_odds([], Path(folder) / "odds.json").read_text()
    '{}\\n'
    """
    _check_choice("odds", odds, ("probability", "margin"))
    named = dict(_with_ids(rows))
    if odds == "probability":
        chances = {id: row.no_answer_probability for id, row in named.items()}
        return _write(path, {id: 1.0 if p is None else p for id, p in chances.items()})
    margins = {id: math.inf if row.margin is None else row.margin for id, row in named.items()}
    # JSON has no infinity: a text without a single span goes behind everything that has one.
    far = 1.0 + max((abs(m) for m in margins.values() if math.isfinite(m)), default=0.0)
    return _write(path, {id: max(-far, min(m, far)) for id, m in margins.items()})


def _with_ids(rows: Iterable[ExampleRow]) -> Iterable[tuple[str, ExampleRow]]:
    seen: set[str] = set()
    for number, row in enumerate(rows):
        if row.id is None:
            raise InputError(
                f"Row {number} ({row.question!r:.60}) has no id, and predictions are told apart by ids."
            )
        if row.id in seen:
            raise InputError(f"The id {row.id!r} stands twice, in row {number} again.")
        seen.add(row.id)
        yield row.id, row


def _by_id(path: str | Path, what: str, kind: str, fits: Any) -> dict[str, Any]:
    content = _read_json(path)
    if not isinstance(content, dict):
        raise InputError(
            f"{path} has to be a JSON object {{id: {kind}}} of {what}, but is a {type(content).__name__}."
        )
    for id, value in content.items():
        if not fits(value):
            raise InputError(f"{path}: the value of {id!r} has to be {kind}, but is {value!r:.80}.")
    return content


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and not math.isnan(value)


def _read_json(path: str | Path) -> Any:
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"), object_pairs_hook=_object)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}.") from error
    except (ValueError, RecursionError) as error:
        if isinstance(error, InputError):
            raise InputError(f"{path}: {error}") from error
        raise InputError(f"{path} is no JSON ({error}).") from error


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object, in which no key may stand twice: the later value would win in silence."""
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))
        raise InputError(f"the key {twice!r} stands twice in one object.")
    return found


def _write(path: str | Path, content: dict[str, Any]) -> Path:
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(content, indent=4) + "\n", encoding="utf-8")
    return target


def _check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise InputError(f"{name} has to be one of {', '.join(map(repr, choices))}, but is {value!r}.")
