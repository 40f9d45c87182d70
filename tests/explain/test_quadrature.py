"""Simpson's rule on panels that are halved where they err: exact where it has to be, sparing elsewhere, honest always."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qalens.explain.attribution.quadrature import LEAST_CHANGE, PathIntegral, integrate


class Path:
    """A function along a path and its slope, which remembers where it was asked for."""

    def __init__(self, value, slope):
        self.value, self.slope = np.vectorize(value, otypes=[float]), np.vectorize(slope, otypes=[float])
        self.asked: list[list[float]] = []

    def __call__(self, places):
        self.asked.append(places.tolist())
        return self.slope(places)[:, None], self.value(places)

    @property
    def points(self):
        return [place for call in self.asked for place in call]


def polynomial(*coefficients: float) -> Path:
    p = np.polynomial.Polynomial(coefficients)
    return Path(p, p.deriv())


def sigmoid(steepness: float, middle: float, height: float = 10.0) -> Path:
    def value(a: float) -> float:
        return height / (1 + math.exp(-steepness * (a - middle)))

    return Path(value, lambda a: steepness * value(a) * (1 - value(a) / height))


def simpson(path: Path, panels: int) -> float:
    """The relative error of the composite rule on equal panels."""
    points = np.linspace(0, 1, 2 * panels + 1)
    weights = np.full(len(points), 2.0)
    weights[1::2] = 4
    weights[[0, -1]] = 1
    change = float(path.value(1.0) - path.value(0.0))
    return abs(float(weights @ path.slope(points)) / (6 * panels) - change) / max(abs(change), LEAST_CHANGE)


# --- exact ------------------------------------------------------------------------------------------------------------

few = settings(deadline=None, max_examples=50)
NUMBERS = st.floats(-10, 10, allow_subnormal=False)


@few
@given(st.lists(NUMBERS, min_size=2, max_size=5))
def test_slopes_up_to_the_third_degree_are_exact_with_17_points(coefficients):
    path = polynomial(*coefficients)
    result = integrate(path, tolerance=1e-9, max_points=17)
    assert result.value[0] == pytest.approx(result.high - result.low, abs=1e-9)
    assert result.error < 1e-9
    assert result.path_error < 1e-9
    assert result.converged
    assert path.points == [k / 16 for k in range(17)]


def test_a_slope_of_the_fourth_degree_is_not_exact():
    result = integrate(polynomial(0, 0, 0, 0, 0, 1), tolerance=1e-15, max_points=17)
    assert result.error > 1e-7
    assert not result.converged


@pytest.mark.parametrize("tolerance", [1e-2, 1e-4, 1e-6])
@pytest.mark.parametrize("steepness", [5, 40, 200])
@pytest.mark.parametrize("middle", [0.1, 0.5, 0.83])
def test_what_converges_is_as_near_as_it_says(steepness, middle, tolerance):
    path = sigmoid(steepness, middle)
    result = integrate(path, tolerance=tolerance, max_points=2001)
    change = float(path.value(1.0) - path.value(0.0))
    assert result.converged
    assert (result.low, result.high) == (float(path.value(0.0)), float(path.value(1.0)))
    assert abs(float(result.value[0]) - change) / change == pytest.approx(result.error, abs=1e-9)
    assert max(result.error, result.path_error) <= tolerance


def test_errors_of_contributions_that_cancel_in_the_sum_are_told():
    def gradients(places):
        steep = 20 * places**19
        return np.stack([100 * steep, -100 * steep, np.ones_like(places)], 1), places

    result = integrate(gradients)
    assert (result.error, result.converged, len(result.points)) == (pytest.approx(0, abs=1e-9), True, 17)
    off = np.abs(result.value - [100, -100, 1])
    assert off[0] > 0.5
    assert (result.errors[:2] >= off[:2]).all()
    assert result.errors[2] == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("tolerance", [1e-2, 1e-5])
@pytest.mark.parametrize(("steepness", "middle"), [(10, 0.5), (40, 0.1), (200, 0.83)])
def test_errors_are_above_the_true_ones_and_shrink_with_them(steepness, middle, tolerance):
    path = sigmoid(steepness, middle)
    result = integrate(path, tolerance=tolerance, max_points=2001)
    change = float(path.value(1.0) - path.value(0.0))
    off = abs(float(result.value[0]) - change)
    assert off <= result.errors[0] <= 1000 * tolerance * change


def test_errors_are_those_of_simpson_on_halves():
    path = polynomial(0, 0, 0, 0, 0, 1, 3)
    result = integrate(path, tolerance=1, max_points=17)
    panels = [(a, a + 0.25) for a in (0, 0.25, 0.5, 0.75)]

    def rule(a, b):
        return float((b - a) / 6 * (path.slope(a) + 4 * path.slope((a + b) / 2) + path.slope(b)))

    expected = sum(abs(rule(a, (a + b) / 2) + rule((a + b) / 2, b) - rule(a, b)) for a, b in panels)
    assert result.errors[0] == pytest.approx(expected)


# --- sparing ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("steepness", "middle"), [(100, 0.43), (300, 0.71), (800, 0.2)])
def test_a_sharp_bend_takes_fewer_points_than_equal_panels(steepness, middle):
    path = sigmoid(steepness, middle)
    result = integrate(path, tolerance=1e-4, max_points=4001)
    assert result.converged
    panels = next(n for n in range(1, 4000) if simpson(path, n) <= 1e-4 and simpson(path, 2 * n) <= 1e-4)
    assert len(result.points) < (2 * panels + 1) / 2


def test_no_place_is_asked_for_twice():
    path = sigmoid(500, 0.3)
    result = integrate(path, tolerance=1e-6, max_points=2001)
    assert len(path.asked) > 2
    assert len(set(path.points)) == len(path.points)
    assert result.points.tolist() == sorted(path.points)
    assert all(call == sorted(call) for call in path.asked)


@pytest.mark.parametrize("max_points", [17, 18, 19, 20, 33, 64, 100])
def test_the_cap_on_points_is_kept_and_used(max_points):
    path = sigmoid(1000, 0.517)
    result = integrate(path, tolerance=1e-12, max_points=max_points)
    assert max_points - 1 <= len(path.points) <= max_points
    assert len(result.points) == len(path.points)
    assert not result.converged


def test_a_bend_is_where_the_points_go():
    result = integrate(sigmoid(400, 0.3), tolerance=1e-4)
    near = np.abs(result.points - 0.3) < 0.1
    assert near.mean() > 0.6


# --- honest -----------------------------------------------------------------------------------------------------------


def test_a_jump_ends_unconverged_and_says_so():
    path = Path(lambda a: 5.0 * (a > 0.37), lambda a: 0.0)
    result = integrate(path, max_points=513)
    assert not result.converged
    assert result.error == result.path_error == 1.0
    assert len(path.points) < 30  # the panel of the jump is halved three times and no more


@pytest.mark.parametrize("seed", range(5))
def test_noise_ends_unconverged_long_before_the_cap(seed):
    # As in half precision: F and its slope are off by some hundredths, anew at every place.
    noise = np.random.default_rng(seed)
    path = Path(lambda a: a**2 + noise.normal(0, 0.05), lambda a: 2 * a + noise.normal(0, 0.1))
    result = integrate(path, tolerance=1e-3, max_points=2001)
    assert not result.converged
    assert len(path.points) < 300


def test_bends_that_show_late_are_followed_all_the_same():
    # Three narrow steps, of which the first look sees hardly anything: errors grow at first as panels are halved.
    centres = (0.117, 0.493, 0.871)

    def value(a: float) -> float:
        return sum(1 / (1 + math.exp(-(a - c) / 0.002)) for c in centres)

    def slope(a: float) -> float:
        return sum((y := 1 / (1 + math.exp(-(a - c) / 0.002))) * (1 - y) / 0.002 for c in centres)

    result = integrate(Path(value, slope), tolerance=0.01)
    assert result.converged
    assert result.value.sum() == pytest.approx(3.0, rel=0.01)


def test_errors_that_cancel_are_seen():
    # Slopes that are wrong in one panel, and as wrong the other way in another.
    def slope(a: float) -> float:
        return 1 + 40 * ((a == 3 / 16) - (a == 13 / 16))

    result = integrate(Path(lambda a: a, slope), tolerance=0.05, max_points=17)
    assert result.error < 1e-12
    assert result.path_error == pytest.approx(math.sqrt(2) * 40 * 4 / 6 / 8)
    assert not result.converged
    finer = integrate(Path(lambda a: a, slope), tolerance=0.05)
    assert finer.converged
    assert finer.error <= 0.05


def test_a_change_of_nothing_counts_as_a_tenth():
    bump = Path(lambda a: 0.2 * math.sin(math.pi * a), lambda a: 0.2 * math.pi * math.cos(math.pi * a))
    result = integrate(bump, tolerance=1e-3)
    assert result.converged
    assert abs(result.low) + abs(result.high) < 1e-12
    total = abs(float(result.value.sum()))
    assert result.error == pytest.approx(total / LEAST_CHANGE, abs=1e-9)


def test_the_error_of_the_path_is_that_of_its_panels():
    path = sigmoid(60, 0.4)
    result = integrate(path, tolerance=1.0, max_points=17)
    edges = np.linspace(0, 1, 9)
    errors = [
        (b - a) / 6 * float(path.slope(a) + 4 * path.slope((a + b) / 2) + path.slope(b))
        - float(path.value(b) - path.value(a))
        for a, b in pairwise(edges)
    ]
    change = float(path.value(1.0) - path.value(0.0))
    assert result.path_error == pytest.approx(math.sqrt(sum(e * e for e in errors)) / change)
    assert result.error == pytest.approx(abs(sum(errors)) / change, abs=1e-12)


# --- the record -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(), (3,), (2, 1, 4)])
def test_contributions_of_any_shape_are_integrated_one_by_one(shape):
    powers = np.arange(1, 1 + math.prod(shape)).reshape(shape) % 4 + 1

    def gradients(places):
        a = places.reshape(-1, *[1] * len(shape))
        return powers * a ** (powers - 1), (a**powers).reshape(len(places), -1).sum(1)

    result = integrate(gradients, tolerance=1e-9)
    assert isinstance(result, PathIntegral)
    assert result.value.shape == shape
    np.testing.assert_allclose(result.value, np.ones(shape), atol=1e-12)


def test_the_weights_are_those_of_the_points():
    path = sigmoid(300, 0.6)
    result = integrate(path, tolerance=1e-5, max_points=2001)
    assert len(set(np.diff(result.points).round(9).tolist())) > 2
    assert result.weights.shape == result.points.shape
    assert result.weights.sum() == pytest.approx(1)
    assert (result.weights > 0).all()
    assert float(result.value[0]) == pytest.approx(float(result.weights @ path.slope(result.points)))


def test_a_tolerance_that_17_points_meet_takes_one_call():
    path = sigmoid(4, 0.5)
    assert integrate(path, tolerance=0.05).converged
    assert len(path.asked) == 1
