"""Weights as whole steps: what half precision holds, eight bits hold too."""

import numpy as np
import pytest
from safetensors.numpy import load_file

from qalens.browser.steps import on_steps, steps_of
from qalens.models.hub import BUNDLED


def found_again(weights):
    """What stands in a page, as numbers."""
    steps, scales = steps_of(weights)
    assert steps.dtype == np.int8
    assert np.abs(steps.astype(int)).max() <= 127
    return steps * scales.repeat(weights.shape[1] // scales.shape[1], axis=1)


@pytest.mark.parametrize("shape", [(64, 384), (7, 128), (5, 30)])
@pytest.mark.parametrize("size", [0.01, 0.03, 1.0, 50.0])
def test_what_was_moved_to_steps_is_exact_in_eight_bits_and_in_half_precision(shape, size):
    # Many, since a largest weight may be rounded over a border of scales.
    for seed in range(40):
        weights = (np.random.default_rng(seed).standard_normal(shape) * size).astype(np.float32)
        moved = on_steps(weights)
        np.testing.assert_array_equal(found_again(moved), moved)
        np.testing.assert_array_equal(moved.astype(np.float16).astype(np.float32), moved)


def test_a_weight_is_moved_by_half_a_step_at_most():
    weights = np.random.default_rng(0).standard_normal((50, 256)).astype(np.float32)
    for rounded in (on_steps(weights), found_again(weights)):
        errors = np.abs(rounded - weights).reshape(50, 2, 128).max(-1)
        largest = np.abs(weights).reshape(50, 2, 128).max(-1)
        assert (errors <= largest / 99 / 2).all()


def test_weights_of_nothing_stay_nothing():
    nothing = np.zeros((2, 256), np.float32)
    np.testing.assert_array_equal(on_steps(nothing), nothing)
    np.testing.assert_array_equal(found_again(nothing), nothing)


def test_the_bundled_checkpoint_consists_of_whole_steps():
    weights = load_file(BUNDLED / "model.safetensors")
    matrices = [values.astype(np.float32) for values in weights.values() if values.ndim == 2]
    assert len(matrices) > 30
    for matrix in matrices:
        np.testing.assert_array_equal(found_again(matrix), matrix)
