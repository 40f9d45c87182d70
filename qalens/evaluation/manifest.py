"""What a run computes, as plain values: two runs with the same manifest have the same rows."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from qalens.errors import InputError
from qalens.evaluation.jobs import Job
from qalens.evaluation.pieces import pieces_of

FORMAT = 1
SHARD_SIZE = 512


def manifest_of(
    reader: Any,
    job: Job,
    data: Path,
    *,
    limit: int | None,
    shard_size: int | None,
    threads: int,
    there: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """All that the rows of a run depend on, and under "about" what is good to know.

    - `data`: the file with the questions; `limit`: how many of them, None for all
    - `shard_size`: None takes that of `there`, or 512; it is a part of what is computed, since questions of one shard
      share batches
    - `threads`: of the CPU for each worker
    - `there`: the manifest of the run that goes on, None for a new one

    Raises `InputError` for a file without a question.
    """
    known = {} if there is None else there
    manifest = {
        "format": FORMAT,
        "job": {"name": job.name, **job.options()},
        "model": {
            "fingerprint": reader.model.fingerprint,
            "tokenizer": _tokenizer_fingerprint(reader.tokenizer),
            "device": reader.model.device.type,
            "dtype": str(reader.model.dtype).removeprefix("torch."),
        },
        # How much memory a text may take says where it is refused, not how it is read.
        "reader": {name: _plain(value) for name, value in reader.options.items() if name != "max_memory"},
        "data": {"sha256": file_digest(data), "limit": limit},
        "shard_size": known.get("shard_size", SHARD_SIZE) if shard_size is None else shard_size,
        "threads": threads,
        "about": {"model": reader.model.name, "data": data.name},
    }
    same_data = all(known.get("data", {}).get(name) == manifest["data"][name] for name in ("sha256", "limit"))
    manifest["data"]["questions"] = known["data"]["questions"] if same_data else _count(data, limit)
    return manifest


def file_digest(path: Path) -> str:
    """The SHA-256 of a file; raises `InputError` where it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"{path} cannot be read as a data set: {error.strerror}.") from error


def _count(path: Path, limit: int | None) -> int:
    questions = 0
    for piece in pieces_of(path):
        questions += piece.questions
        if limit is not None and questions >= limit:
            return limit
    if not questions:
        raise InputError(f"{path} holds no questions.")
    return questions


def _tokenizer_fingerprint(tokenizer: Any) -> str:
    """Some letters that tell a tokenizer from others; how it would pad or truncate does not count, since nothing does."""
    told = json.loads(tokenizer.backend_tokenizer.to_str())
    kept = {name: told[name] for name in told if name not in ("padding", "truncation")}
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()[:16]


def _plain(value: Any) -> Any:
    """A number that JSON gives back as it is; infinity in words."""
    return repr(value) if isinstance(value, float) and value in (float("inf"), float("-inf")) else value
