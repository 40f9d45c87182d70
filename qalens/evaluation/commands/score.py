"""`python -m qalens score`: the figures of a prediction file, as the official SQuAD scripts print them."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from qalens.errors import InputError
from qalens.evaluation.scores.predictions import read_gold, read_odds, read_predictions
from qalens.evaluation.scores.squad import score_predictions, squad1_scores
from qalens.files import folder_made, write_file
from qalens.text.visible import visible

_CURVE = ("pr_exact_ap", "pr_f1_ap", "pr_oracle_ap")


def main(arguments: Sequence[str] | None = None) -> int:
    """Score a prediction file and print the metrics.

    Parameters
    ----------
    arguments : sequence of str or None, default None
        The arguments of the command; None takes those of the process.

    Returns
    -------
    int
        The exit status.

    Raises
    ------
    InputError
        For a fault of a file; the caller reports it.

    Examples
    --------
    >>> main(["--help"])
    Traceback (most recent call last):
    SystemExit: 0
    """
    options = _parser().parse_args(arguments)
    text = _figures(options)
    if options.out is None:
        sys.stdout.write(f"{text}\n")
    else:
        write_file(folder_made(options.out), f"{text}\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m qalens score",
        description="Exact match and F1 of predictions, as the official SQuAD 2.0 script prints them.",
    )
    parser.add_argument("data", type=Path, help="questions with gold answers, in SQuAD 1.1 or 2.0 form")
    parser.add_argument("predictions", type=Path, help='a JSON object {id: answer}, "" for no answer')
    parser.add_argument(
        "--na-odds",
        type=Path,
        help="a JSON object {id: number}, higher where no answer is likelier; adds the best thresholds",
    )
    parser.add_argument(
        "--na-threshold",
        type=float,
        default=1.0,
        help="no answer where the odds are above it (default: %(default)s, which suits probabilities)",
    )
    parser.add_argument(
        "--average-precision", action="store_true", help="also print the areas under precision and recall"
    )
    parser.add_argument(
        "--rules",
        choices=("2.0", "1.1"),
        default="2.0",
        help="whose figures: those of the script of SQuAD 2.0 (default, for files of both forms) or of 1.1",
    )
    parser.add_argument("--out", type=Path, help="write the figures to this file and print nothing")
    return parser


def _figures(options: argparse.Namespace) -> str:
    golds, predictions = read_gold(options.data), read_predictions(options.predictions)
    _tell_missing(golds, predictions)
    if options.rules == "1.1":
        if options.na_odds is not None:
            raise InputError("The rules of SQuAD 1.1 know no no-answer odds; leave out --na-odds or --rules.")
        return json.dumps(squad1_scores(golds, predictions))
    odds = None if options.na_odds is None else read_odds(options.na_odds)
    if odds is None and (options.average_precision or options.na_threshold != 1.0):
        raise InputError(
            "--average-precision and --na-threshold need no-answer odds; give them with --na-odds FILE."
        )
    scores = score_predictions(golds, predictions, odds=odds, threshold=options.na_threshold).to_dict()
    shown = {name: value for name, value in scores.items() if options.average_precision or name not in _CURVE}
    return json.dumps(shown, indent=2)


def _tell_missing(golds: dict[str, list[str]], predictions: dict[str, str]) -> None:
    missing = [id for id in golds if id not in predictions]
    for id in missing[:10]:
        sys.stderr.write(f"Missing prediction for {visible(id)}\n")
    if len(missing) > 10:
        sys.stderr.write(f"and for {len(missing) - 10:,} more questions\n")
