"""Quantiles of streams are numpy's, however the values come and however few are held."""

from __future__ import annotations

import numpy as np
import pytest
from scenes import INVERSE, make_plan, make_stream

from chc_gating.gating import quantiles
from chc_gating.gating.members import read_members
from chc_gating.gating.quantiles import find_quantiles
from chc_gating.model.flags import LOST_FLAG, event_flag_bit

SHARES = (0.0001, 0.01, 0.5, 0.999, 0.9999)
RNG = np.random.default_rng(8)
HEAPS = {
    "normal": RNG.normal(-20, 100, 20_011),
    "ties": RNG.integers(-3, 4, 5000).astype(np.float64),
    "one value": np.full(77, -2.5),
    "one": np.array([7.0]),
    "far apart": np.concatenate(
        [[-1e300, -1e-300, -0.0, 0.0, 1e-300], RNG.lognormal(0, 4, 2000), [1e300]]
    ),
}


@pytest.mark.parametrize("held", [1, 100, 1 << 20])
@pytest.mark.parametrize("name", HEAPS)
def test_they_are_numpys(name: str, held: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quantiles, "HELD_VALUES", held)
    values = HEAPS[name]
    total, found = find_quantiles(lambda: iter(np.array_split(values, 5)), SHARES)
    assert total == values.size
    np.testing.assert_allclose(found, np.quantile(values, SHARES), rtol=1e-14, atol=1e-300)


def test_order_and_batches_change_no_bit() -> None:
    values = HEAPS["normal"]
    once = find_quantiles(lambda: iter([values]), SHARES)
    for other in (values[::-1], RNG.permutation(values)):
        assert find_quantiles(lambda v=other: iter(np.array_split(v, 300)), SHARES) == once


def test_no_value_has_no_quantile() -> None:
    total, found = find_quantiles(lambda: iter([np.empty(0)]), (0.5,))
    assert total == 0
    assert np.isnan(found).all()


def test_members_are_the_compensated_values_of_the_phenotype_population() -> None:
    rng = np.random.default_rng(3)
    events = rng.uniform(50, 2500, (30_000, 8))
    events[:, 1] = events[:, 0] * rng.uniform(0.4, 1.1, len(events))
    events[rng.integers(0, len(events), 50), 4] = np.nan
    flags = np.where(rng.random(len(events)) < 0.1, event_flag_bit(LOST_FLAG), 0)
    stream = make_stream(events, event_flags=flags.astype(np.uint32))
    read = read_members(stream, make_plan(), channel="PE-A", batch_events=997)
    linear = events @ INVERSE
    ratio = events[:, 0] / events[:, 1]
    inside = (linear[:, 0] >= 300) & (linear[:, 2] < 2000) & (ratio >= 0.9) & (ratio < 1.6)
    inside &= (linear[:, 6] < 300) & (flags == 0) & np.isfinite(linear[:, 4])
    found = np.concatenate(list(read()))
    assert len(found) > 100
    np.testing.assert_allclose(found, linear[inside, 4], rtol=1e-12)
    whole = read_members(stream, make_plan(), channel="PE-A")
    assert np.array_equal(np.concatenate(list(whole())), found)
    assert np.array_equal(np.concatenate(list(read())), found)
