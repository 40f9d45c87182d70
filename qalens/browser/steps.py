"""Weights as whole steps: blocks of one row share a scale of four significant bits, so that half precision holds them exactly."""

from __future__ import annotations

import numpy as np

BLOCK = 128  # weights that share a scale
_STEPS = 127  # of eight bits with a sign


def on_steps(weights: np.ndarray) -> np.ndarray:
    """Move every weight to the nearest whole step of its block.

    Such weights are the same in float16 and as eight bits, and `steps_of` finds them again.

    Parameters
    ----------
    weights
        (outputs, inputs), float32.

    Returns
    -------
    np.ndarray
        (outputs, inputs), float32. An error is at most half a step, of which the largest weight of the block has 113 to 127.
    """
    blocks = _blocks(weights)
    scale = _scale(blocks)
    return (np.rint(blocks / scale) * scale).reshape(weights.shape)


def steps_of(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Write weights as whole steps and the scale of each block, by the scale that errs least.

    Parameters
    ----------
    weights
        (outputs, inputs), float32.

    Returns
    -------
    tuple of np.ndarray
        Steps (outputs, inputs), int8; scales (outputs, blocks), float32. Exact for what `on_steps` returned.

    Examples
    --------
    >>> weights = np.linspace(-1, 1, 256, dtype=np.float32).reshape(1, 256)
    >>> steps, scales = steps_of(on_steps(weights))
    >>> np.array_equal(steps * scales.repeat(128, 1), on_steps(weights))
    True
    """
    blocks = _blocks(weights)
    low = _scale(blocks)
    # The largest weight may have been moved down, over a border of scales: then the next scale is that of its steps.
    tried = [(np.rint(blocks / scale), scale) for scale in (low, _next(low))]
    errors = [((blocks - steps * scale) ** 2).sum(-1, keepdims=True) for steps, scale in tried]
    first = errors[0] <= errors[1]
    steps, scale = (np.where(first, a, b) for a, b in zip(*tried, strict=True))
    return steps.reshape(weights.shape).astype(np.int8), scale[..., 0].astype(np.float32)


def _blocks(weights: np.ndarray) -> np.ndarray:
    """(outputs, blocks, weights of a block); a row that is no whole number of blocks is one block."""
    outputs, inputs = weights.shape
    return weights.reshape(outputs, -1, inputs if inputs % BLOCK else BLOCK)


def _scale(blocks: np.ndarray) -> np.ndarray:
    """The least scale of four significant bits by which no weight needs more than 127 steps, (outputs, blocks, 1)."""
    largest = np.abs(blocks).max(-1, keepdims=True)
    fraction, power = np.frexp(np.where(largest > 0, largest, 1) / np.float32(_STEPS))
    return np.ldexp(np.ceil(fraction * 16) / 16, power).astype(np.float32)


def _next(scale: np.ndarray) -> np.ndarray:
    fraction, power = np.frexp(scale)
    return np.ldexp(fraction + np.float32(1 / 16), power)
