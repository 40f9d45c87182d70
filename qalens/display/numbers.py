"""One way to write each kind of number: probabilities, shares, logits, changes, counts. Every picture takes it from here."""

from __future__ import annotations

import math

MINUS = "\N{MINUS SIGN}"
MISSING = "–"
_SMALLEST = 1e-12


def probability(p: float) -> str:
    """A probability with three digits, never rounded to a 0 or 1 that it is not.

    >>> probability(0.9779), probability(0.0002), probability(0.99996), probability(1.0)
    ('0.978', '<0.001', '>0.999', '1')
    """
    if math.isnan(p):
        return MISSING
    # A 0 can only be too small for a float, since every span has some probability.
    if p < 0.0005:
        return "<0.001"
    if p < 0.9995:
        return f"{p:.3f}"
    return "1" if p == 1 else ">0.999"


def equation(name: str, p: float) -> str:
    """A name and its probability, such as "P = 0.978" or "P > 0.999".

    >>> equation("P", 0.978), equation("P", 0.99999)
    ('P = 0.978', 'P > 0.999')
    """
    written = probability(p)
    return f"{name} {written[0]} {written[1:]}" if written[0] in "<>" else f"{name} = {written}"


def percent(p: float) -> str:
    """A probability in per cent with one digit, never rounded to a 0 or 100 that it is not.

    >>> percent(0.9779), percent(1e-9), percent(1 - 1e-9), percent(1.0)
    ('97.8%', '<0.1%', '>99.9%', '100%')
    """
    if math.isnan(p):
        return MISSING
    if p < 0.0005:
        return "<0.1%"
    if p < 0.9995:
        return f"{p:.1%}"
    return "100%" if p == 1 else ">99.9%"


def share(x: float) -> str:
    """A share in per cent, which may be more than all; nothing that is not 0 reads as 0.

    >>> share(0.034), share(0.05), share(1e-9), share(2.5), share(0), share(float("nan"))
    ('3.4%', '5%', '<0.1%', '250%', '0%', 'not a number')
    """
    if math.isnan(x):
        return "not a number"
    if math.isinf(x):
        return "∞"
    if x == 0 or x >= 1:
        return f"{x:,.0%}"
    return "<0.1%" if x < 0.0005 else f"{x:.1%}".replace(".0%", "%")


def share_below(x: float) -> str:
    """A share in whole per cent, rounded down, so that 100% means all.

    >>> share_below(0.9999), share_below(1.0)
    ('99%', '100%')
    """
    return f"{math.floor(100 * x + 1e-9)}%"


def logit(x: float, digits: int = 2) -> str:
    """A logit with its digits and a real minus sign; the infinities as ∞.

    >>> logit(-7.234), logit(-0.001), logit(float("-inf")), logit(float("nan"))
    ('−7.23', '0.00', '−∞', '–')
    """
    if math.isnan(x):
        return MISSING
    said = "∞" if math.isinf(x) else f"{abs(x):.{digits}f}"
    return f"{MINUS if x < 0 and said.strip('0.') else ''}{said}"


def signed(x: float, digits: int = 2) -> str:
    """A contribution or a change with its sign; a real minus, and no sign for what rounds to zero.

    >>> signed(1.234), signed(-0.5, 3), signed(-0.001), signed(float("nan"))
    ('+1.23', '−0.500', '0.00', 'not a number')
    """
    if math.isnan(x):
        return "not a number"
    said = f"{abs(x):.{digits}f}" if math.isfinite(x) else "∞"
    return said if not said.strip("0.") else f"{MINUS if x < 0 else '+'}{said}"


def digits_for(most: float) -> int:
    """How many digits after the point tell values of this size apart: three that count, at least two.

    >>> digits_for(12.0), digits_for(0.4), digits_for(0.003), digits_for(0)
    (2, 3, 5, 2)
    """
    if not _SMALLEST < most < math.inf:
        return 2
    return max(2, 2 - math.floor(math.log10(most)))


def figure(x: float, digits: int = 3) -> str:
    """A measure such as an error or an area with so many digits; a dash where there is none.

    >>> figure(0.12345), figure(81.234, 2), figure(float("nan"))
    ('0.123', '81.23', '–')
    """
    return MISSING if math.isnan(x) else f"{x:.{digits}f}".replace("-", MINUS)


def interval(low: float, high: float, digits: int = 1) -> str:
    """Both ends of an interval in brackets; nothing where there is none.

    >>> interval(78.0, 84.25), interval(float("nan"), 1.0)
    ('[78.0, 84.2]', '')
    """
    return "" if math.isnan(low) else f"[{figure(low, digits)}, {figure(high, digits)}]"


def tick(x: float) -> str:
    """A round number on an axis.

    >>> tick(-2.5), tick(10.0)
    ('−2.5', '10')
    """
    return f"{x:g}".replace("-", MINUS)


def count(n: int, what: str) -> str:
    """A number of things, in the plural unless it is one.

    >>> count(1, "token"), count(5120, "token")
    ('1 token', '5,120 tokens')
    """
    return f"{n:,} {what}" if n == 1 else f"{n:,} {what}s"


def places(first: int, stop: int) -> str:
    """The places `[first, stop)`, counted from 0, as a person counts them: from 1, both ends included.

    >>> places(0, 12), places(1199, 1320)
    ('1–12', '1,200–1,320')
    """
    return f"{first + 1:,}–{stop:,}"
