"""`python -m qalens evaluate`: a long evaluation outside of notebooks, stopped and resumed at any time."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from qalens.errors import QalensError
from qalens.evaluation.runs.folder import REPORT
from qalens.evaluation.runs.runs import Plan, Run, evaluate_run, open_run
from qalens.text.visible import command_line, visible

_INTERRUPTED = 130


def main(arguments: Sequence[str]) -> int:
    """Evaluate a model on a file and print the SQuAD metrics.

    Ctrl-C ends with status 130 and a line that says how to resume.

    Parameters
    ----------
    arguments : sequence of str
        The arguments of the command.

    Returns
    -------
    int
        The exit status.

    Raises
    ------
    QalensError
        For a fault of the input or the folder; the caller reports it.

    Examples
    --------
    >>> main(["--help"])
    Traceback (most recent call last):
    SystemExit: 0
    """
    options = _parser().parse_args(arguments)
    try:
        # Everything else in this package is handed its reader; a command line has to load it. That takes seconds, in which
        # Ctrl-C may come, too.
        from qalens.reader import load

        run = _run(options, load)
        report = run.report()
        report.save(run.folder / REPORT)
    except KeyboardInterrupt:
        sys.stderr.write(f"\n{_stopped(options.out, arguments)}\n")
        return _INTERRUPTED
    if report.errors:
        sys.stderr.write(
            f"{len(report.errors):,} questions have an error; {visible(str(run.folder / REPORT))} says which.\n"
        )
    sys.stdout.write(json.dumps(report.scores.to_dict(), indent=2) + "\n")
    return 0


def _run(options: argparse.Namespace, load: Callable[..., Any]) -> Run:
    plan = Plan(
        engine=options.engine,
        workers=options.workers,
        threads=options.threads,
        shard_size=options.shard_size,
        limit=options.limit,
    )
    names = ("max_length", "stride", "max_answer_length")
    given = {name: getattr(options, name) for name in names if getattr(options, name) is not None}
    reader = load(
        options.model, device=options.device, dtype=options.dtype, threshold=options.threshold, **given
    )
    progress = False if options.quiet else None
    return evaluate_run(reader, options.file, out=options.out, plan=plan, progress=progress)


def _stopped(out: Path, arguments: Sequence[str]) -> str:
    """What a stopped run has, and how to go on with it."""
    again = f"Go on with: {command_line(['python', '-m', 'qalens', 'evaluate', *arguments])}"
    try:
        run = open_run(out)
    except (QalensError, OSError):
        return f"Stopped before anything was computed. {again}"
    return f"Stopped: {run.finished:,} of {run.questions:,} questions are finished and kept in {visible(str(out))}. {again}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m qalens evaluate",
        description="Read every question of a file, keep one row of each in a folder, and print the SQuAD figures.",
        epilog="Where the folder holds an unfinished run of the same model, options and data, it is resumed.",
    )
    parser.add_argument("file", type=Path, help="SQuAD JSON, JSON lines, or a JSON array of rows")
    parser.add_argument("--out", type=Path, required=True, help="the folder of the run")
    parser.add_argument("--model", help="hub name or folder of a checkpoint (default: the bundled one)")
    parser.add_argument(
        "--threshold", type=float, default=0.0, help="no answer where the margin is above it, in logits"
    )
    parser.add_argument("--max-length", type=int, help="tokens of one window")
    parser.add_argument("--stride", type=int, help="overlap of two windows in tokens")
    parser.add_argument("--max-answer-length", type=int, help="longest answer in tokens")
    parser.add_argument("--device", help='"cpu", "cuda", "cuda:1" or "mps" (default: the best that is there)')
    parser.add_argument(
        "--dtype", default="float32", choices=("float32", "bfloat16", "float16", "auto"), help="precision"
    )
    parser.add_argument(
        "--engine",
        default="loop",
        choices=("loop", "processes", "ray"),
        help="what computes (default: %(default)s)",
    )
    parser.add_argument("--workers", type=int, help="processes or actors (default: as suits)")
    parser.add_argument("--threads", type=int, help="CPU threads of each worker (default: as suits)")
    parser.add_argument("--shard-size", type=int, help="questions that are written together (default: 512)")
    parser.add_argument("--limit", type=int, help="only so many questions from the start")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    return parser
