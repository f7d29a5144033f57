"""Fits the polynomials of `targets/cpu/vector_math`: minimax by Remez' exchange, in 60 digits.

    python docs/fit_polynomials.py [name...]

prints each polynomial's coefficients, lowest degree first, and the largest weighted error over its interval.
The weight makes that error the relative error of the function computed with the polynomial.
"""

import sys
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import NamedTuple

from mpmath import mp, mpf

mp.dps = 60
Real = Callable[[mpf], mpf]


class Fit(NamedTuple):
    """Approximate `function` on [low, high] by a polynomial, minimising |weight * error|."""

    function: Real
    weight: Real
    low: float
    high: float
    degree: int


def remez(fit: Fit, rounds: int = 12, samples: int = 60) -> tuple[list[mpf], mpf]:
    """Coefficients, lowest degree first, and the largest weighted error."""
    count = fit.degree + 2
    low, high = mpf(fit.low), mpf(fit.high)
    nodes = [(low + high) / 2 - (high - low) / 2 * mp.cos(mp.pi * i / (count - 1)) for i in range(count)]
    coefficients: list[mpf] = []
    for _ in range(rounds):
        rows = [[x**k for k in range(fit.degree + 1)] + [(-1) ** i / fit.weight(x)] for i, x in enumerate(nodes)]
        *coefficients, level = mp.lu_solve(mp.matrix(rows), mp.matrix([fit.function(x) for x in nodes]))
        nodes, worst = _extrema(fit, coefficients, nodes, samples)
        if worst <= abs(level) * mpf("1.001"):
            break
    return coefficients, worst


def _extrema(fit: Fit, coefficients: list[mpf], nodes: list[mpf], samples: int) -> tuple[list[mpf], mpf]:
    """The extreme of the weighted error between each two neighbouring sign changes."""

    def error(x: mpf) -> mpf:
        return fit.weight(x) * (mp.polyval(coefficients[::-1], x) - fit.function(x))

    bounds = [mpf(fit.low), *_roots(error, nodes), mpf(fit.high)]
    extrema = []
    for a, b in pairwise(bounds):
        points = [a + (b - a) * i / samples for i in range(samples + 1)]
        extrema.append(max(points, key=lambda x: abs(error(x))))
    return extrema, max(abs(error(x)) for x in extrema)


def _roots(error: Real, nodes: list[mpf]) -> Iterator[mpf]:
    for a, b in pairwise(nodes):
        sign = mp.sign(error(a))
        for _ in range(40):
            middle = (a + b) / 2
            if mp.sign(error(middle)) == sign:
                a = middle
            else:
                b = middle
        yield (a + b) / 2


def _exp_tail(x: mpf) -> mpf:
    """(exp(x) - 1 - x) / x^2."""
    return mpf("0.5") if x == 0 else (mp.expm1(x) - x) / x**2


def _exp2_tail(x: mpf) -> mpf:
    """(2^x - 1) / x."""
    return mp.log(2) if x == 0 else mp.expm1(x * mp.log(2)) / x


def _log_tail(z: mpf) -> mpf:
    """(log((1+s)/(1-s)) - 2s) / s^3 with z = s^2."""
    s = mp.sqrt(z)
    return mpf(2) / 3 if z == 0 else (mp.log((1 + s) / (1 - s)) - 2 * s) / s**3


def _log_tail_2(z: mpf) -> mpf:
    """(log((1+s)/(1-s)) - 2s - 2s^3/3) / s^5 with z = s^2."""
    return mpf(2) / 5 if z == 0 else (_log_tail(z) - mpf(2) / 3) / z


def _tanh_tail(z: mpf) -> mpf:
    """(tanh(x) - x) / x^3 with z = x^2."""
    x = mp.sqrt(z)
    return -mpf(1) / 3 if z == 0 else (mp.tanh(x) - x) / x**3


def _erf_tail(z: mpf) -> mpf:
    """(erf(x) - x) / x with z = x^2."""
    x = mp.sqrt(z)
    return 2 / mp.sqrt(mp.pi) - 1 if z == 0 else (mp.erf(x) - x) / x


def _sin_tail(z: mpf) -> mpf:
    """(sin(x) - x) / x^3 with z = x^2."""
    x = mp.sqrt(z)
    return -mpf(1) / 6 if z == 0 else (mp.sin(x) - x) / x**3


def _cos_tail(z: mpf) -> mpf:
    """(cos(x) - 1 + x^2/2) / x^4 with z = x^2."""
    return mpf(1) / 24 if z == 0 else (mp.cos(mp.sqrt(z)) - 1 + z / 2) / z**2


LN2_HALF = mp.log(2) / 2 * mpf("1.0001")
S2 = (mp.sqrt(2) - 1) ** 2 / (mp.sqrt(2) + 1) ** 2 * mpf("1.0001")
TANH_BOUND = mpf("0.55")
QUARTER_TURN2 = (mp.pi / 4) ** 2 * mpf("1.03")


def _power(exponent: int) -> Real:
    """The weight |x|^exponent, kept off zero, where the polynomial's factor vanishes."""
    return lambda x: abs(x) ** exponent + mpf("1e-9")


def _log_erfc(x: mpf) -> mpf:
    return mp.log(mp.erfc(x))


def _log2_erfc(x: mpf) -> mpf:
    return mp.log(mp.erfc(x), 2)


def _erfc_ln2(x: mpf) -> mpf:
    """What an error of the binary logarithm of erfc becomes in erfc."""
    return mp.erfc(x) * mp.log(2)


FITS = {
    "EXP_F32": Fit(_exp_tail, _power(2), -LN2_HALF, LN2_HALF, 4),
    "EXPM1_F32": Fit(_exp_tail, _power(1), -LN2_HALF, LN2_HALF, 5),
    "EXPM1_F64": Fit(_exp_tail, _power(1), -LN2_HALF, LN2_HALF, 10),
    "EXP2_F32": Fit(_exp2_tail, _power(1), mpf("-0.5001"), mpf("0.5001"), 5),
    "LOG_F32": Fit(_log_tail, _power(1), 0, S2, 3),
    "LOG_F64": Fit(_log_tail, _power(1), 0, S2, 7),
    "LOG_LOW_F64": Fit(_log_tail_2, _power(2), 0, S2, 8),
    "TANH_F32": Fit(_tanh_tail, _power(1), 0, TANH_BOUND**2, 4),
    "TANH_F64": Fit(_tanh_tail, _power(1), 0, TANH_BOUND**2, 11),
    "SIN_F32": Fit(_sin_tail, _power(1), 0, QUARTER_TURN2, 2),
    "SIN_F64": Fit(_sin_tail, _power(1), 0, QUARTER_TURN2, 6),
    "COS_F32": Fit(_cos_tail, _power(2), 0, QUARTER_TURN2, 2),
    "COS_F64": Fit(_cos_tail, _power(2), 0, QUARTER_TURN2, 5),
    "ERF_F32": Fit(_erf_tail, _power(0), 0, 1, 6),
    "ERF_F64": Fit(_erf_tail, _power(0), 0, 1, 12),
    "LOG2_ERFC_F32": Fit(_log2_erfc, _erfc_ln2, mpf("0.99"), 4, 9),
    "LOG2_ERFC_NEAR_F32": Fit(_log2_erfc, _erfc_ln2, 0, 4, 9),
    "LOG_ERFC_F64": Fit(_log_erfc, mp.erfc, mpf("0.99"), mpf("5.95"), 18),
}


def main() -> None:
    """Prints the fits named on the command line, or all."""
    for name, fit in FITS.items():
        if len(sys.argv) == 1 or name in sys.argv[1:]:
            coefficients, error = remez(fit)
            bits = mp.nstr(mp.log(error, 2), 4)
            print(f"# {name}: error 2^{bits} on [{mp.nstr(fit.low, 4)}, {mp.nstr(fit.high, 4)}]")
            print(f"{name} = (")
            for coefficient in coefficients:
                print(f"    {float(coefficient)!r},")
            print(")")


if __name__ == "__main__":
    main()
