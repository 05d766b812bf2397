"""How well two ways of measuring agree: common ratio, over-dispersion, Bland-Altman."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.special import stdtrit

from chc_gating.model.cohort import Agreement, AgreementPair, Measurement
from chc_gating.model.count import DrawCount
from chc_gating.model.events import FloatArray
from chc_gating.monitoring.agreement_pairs import FoundPair, find_pairs
from chc_gating.monitoring.rate_ratio import find_ratio

MIN_PAIRS = 5
"""Patients below which pairs are listed and not summarised."""
NORMAL_95 = 1.959963984540054
_FARTHEST = 40.0


@dataclass(frozen=True)
class CommonRatio:
    """The ratio that all pairs share, its limits, and Pearson's chi-squared over m - 1."""

    value: float
    low: float
    high: float
    over_dispersion: float


def find_agreement(draws: Sequence[DrawCount]) -> tuple[Agreement, ...]:
    """Return the agreements of all kinds, in the order of their names."""
    groups: dict[tuple[str, str, str, str, bool], list[FoundPair]] = {}
    for pair in find_pairs(draws):
        groups.setdefault(pair.key, []).append(pair)
    return tuple(_summarise(groups[key]) for key in sorted(groups))


def _summarise(pairs: Sequence[FoundPair]) -> Agreement:
    ordered = sorted(pairs, key=_order)
    firsts: dict[str, FoundPair] = {}
    for pair in ordered:
        firsts.setdefault(pair.draw.draw["patient"], pair)
    own = list(firsts.values())
    one = ordered[0]
    agreement = Agreement(
        kind=one.kind,
        first=one.sides[0],
        second=one.sides[1],
        phenotype=one.phenotype,
        recovery_included=one.recovery_included,
        pairs=tuple(_describe(pair, in_summary=any(pair is x for x in own)) for pair in ordered),
        patients=len(own),
        notes=tuple(_find_notes(ordered, own)),
    )
    return agreement.model_copy(update=_find_numbers([(p.first, p.second) for p in own]))


def _order(pair: FoundPair) -> tuple[str, ...]:
    draw = pair.draw.draw
    when = draw["collected_on"], draw.get("drawn_at", ""), draw["draw"]
    return draw["patient"], *when, pair.first.name, pair.second.name


def _describe(pair: FoundPair, *, in_summary: bool) -> AgreementPair:
    ratio = find_ratio(
        pair.first.count,
        pair.second.count,
        first_ml=pair.first.volume_ml,
        second_ml=pair.second.volume_ml,
    )
    return AgreementPair(
        draw=pair.draw.draw["draw"],
        patient=pair.draw.draw["patient"],
        phenotype=pair.phenotype,
        first=pair.first,
        second=pair.second,
        same_cells=pair.same_cells,
        ratio=ratio.value,
        low=ratio.low,
        high=ratio.high,
        in_summary=in_summary,
    )


def _find_notes(ordered: Sequence[FoundPair], own: Sequence[FoundPair]) -> list[str]:
    notes = []
    if any(pair.same_cells for pair in ordered):
        notes.append(
            "the same cells were measured twice: they share their counting error, so that the "
            "intervals, which are of two independent counts, are wider than they need be"
        )
    if len(own) < MIN_PAIRS:
        notes.append(
            f"{len(own)} of the {MIN_PAIRS} patients that a summary needs: pairs are listed only"
        )
    if not ordered[0].recovery_included:
        notes.append("recovery is left out on both sides")
    return notes


def _find_numbers(pairs: Sequence[tuple[Measurement, Measurement]]) -> dict[str, float]:
    if len(pairs) < MIN_PAIRS:
        return {}
    counts = np.array([[one.count, other.count] for one, other in pairs], dtype=np.float64)
    volumes = np.array([[one.volume_ml, other.volume_ml] for one, other in pairs])
    numbers = describe_differences(counts, volumes)
    common = find_common_ratio(counts, volumes)
    if common is not None:
        numbers |= {
            "common_ratio": common.value,
            "common_low": common.low,
            "common_high": common.high,
            "over_dispersion": common.over_dispersion,
        }
    return numbers


def find_common_ratio(counts: FloatArray, volumes: FloatArray) -> CommonRatio | None:
    """Return the common ratio of rates given each pair's sum, with quasi-likelihood limits.

    counts, volumes : (m, 2) float64. k_1 | n ~ Bin(n, q), q = ratio E_1 / (ratio E_1 + E_2); the
    variance is widened by Pearson's chi-squared over m - 1 where that is above 1 (McCullagh and
    Nelder 1989, section 4.5), with Student's t of m - 1. Approximate. None where one side has no
    cell at all, or fewer than two pairs have any.
    """
    sums = counts.sum(axis=1)
    counts, volumes, sums = counts[sums > 0], volumes[sums > 0], sums[sums > 0]
    if len(sums) < 2 or not counts[:, 0].any() or not counts[:, 1].any():
        return None

    def share(log_ratio: float) -> FloatArray:
        over = np.exp(log_ratio) * volumes[:, 0]
        return np.asarray(over / (over + volumes[:, 1]))

    log_ratio = float(
        brentq(lambda x: counts[:, 0].sum() - (sums * share(x)).sum(), -_FARTHEST, _FARTHEST)
    )
    expected = share(log_ratio)
    variance = sums * expected * (1 - expected)
    phi = float(((counts[:, 0] - sums * expected) ** 2 / variance).sum() / (len(sums) - 1))
    width = float(stdtrit(len(sums) - 1, 0.975) * np.sqrt(max(phi, 1.0) / variance.sum()))
    low, value, high = (float(np.exp(log_ratio + x)) for x in (-width, 0.0, width))
    return CommonRatio(value, low, high, phi)


def describe_differences(counts: FloatArray, volumes: FloatArray) -> dict[str, float]:
    """Return Bland and Altman's (1986) mean difference and limits of agreement, with intervals.

    Of square roots of the rates per 7.5 mL: a Poisson count's root has nearly the same error at
    any height, and a zero has a root where it has no logarithm. The outer limits are the ends of
    the limits' own 95 % intervals (SE^2 = s^2 (1/m + z^2 / (2 (m - 1)))).

    Examples
    --------
    >>> ones = np.full((3, 2), 7.5)
    >>> found = describe_differences(np.array([[4.0, 1], [9, 4], [16, 9]]), ones)
    >>> found["mean_difference"], found["limit_low"]
    (1.0, 1.0)
    """
    roots = np.sqrt(7.5 * counts / volumes)
    differences = roots[:, 0] - roots[:, 1]
    m, mean, spread = len(differences), float(differences.mean()), float(differences.std(ddof=1))
    t = float(stdtrit(m - 1, 0.975))
    half, reach = t * spread / m**0.5, NORMAL_95 * spread
    outer = t * spread * (1 / m + NORMAL_95**2 / (2 * (m - 1))) ** 0.5
    return {
        "mean_difference": mean,
        "mean_low": mean - half,
        "mean_high": mean + half,
        "limit_low": mean - reach,
        "limit_low_outer": mean - reach - outer,
        "limit_high": mean + reach,
        "limit_high_outer": mean + reach + outer,
    }
