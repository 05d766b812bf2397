"""Candidates of which there are more than are kept: counted exactly, the first ones kept."""

from __future__ import annotations

import numpy as np
import pytest

from chc_gating.gating.candidates import CandidateRows, CandidateStore
from chc_gating.gating.run import run_plan
from chc_gating.stages.acquisition import Measured, describe_quality
from tests.gating.scenes import make_events, make_plan, make_stream
from tests.gating.test_run_laws import assert_same

EVENTS = make_events(5000, seed=6)


@pytest.mark.parametrize("limit", [0, 1, 100])
def test_the_first_candidates_are_kept_and_all_are_counted(limit: int) -> None:
    every = run_plan(make_stream(EVENTS), make_plan()).candidates
    runs = [
        run_plan(
            make_stream(EVENTS),
            make_plan(),
            threads=threads,
            batch_events=batch_events,
            max_candidates=limit,
        )
        for threads, batch_events in ((1, 131_072), (1, 333), (3, 77))
    ]
    found = runs[0].candidates
    assert every.total == len(every.event_id) == found.total > 200
    np.testing.assert_array_equal(found.event_index, every.event_index[:limit])
    np.testing.assert_array_equal(found.compensated, every.compensated[:limit])
    assert found.phenotype == every.phenotype[:limit]
    assert found.flag_counts == every.flag_counts
    assert runs[0].bin_candidates.sum() == every.total
    for again in runs[1:]:
        assert_same(runs[0], again)


def test_the_quality_record_says_that_not_all_are_kept() -> None:
    measured = Measured(saturated=[0] * 8)
    some = run_plan(make_stream(EVENTS), make_plan(), max_candidates=100)
    (note,) = describe_quality(some, measured).notes
    total = some.candidates.total
    assert note == (
        f"candidates.parquet holds the first 100 of {total:,} candidates: look at the cuts"
    )
    assert describe_quality(run_plan(make_stream(EVENTS), make_plan()), measured).notes == ()


@pytest.mark.parametrize("seed", range(20))
def test_the_order_in_which_batches_arrive_changes_nothing(seed: int) -> None:
    rng = np.random.default_rng(seed)
    sizes = rng.integers(0, 9, 30)
    store = CandidateStore(limit=50)
    for batch in rng.permutation(len(sizes)):
        n = min(int(sizes[batch]), store.room_for(100 * batch))
        event = 100 * batch + np.arange(n)
        flags = np.zeros(n, dtype=np.uint32)
        store.keep(100 * batch, CandidateRows(event, flags.astype(np.int16), flags, event[:, None]))
    expected = [100 * b + i for b, size in enumerate(sizes) for i in range(size)][:50]
    assert np.concatenate([rows.event for rows in store.rows]).tolist() == expected
