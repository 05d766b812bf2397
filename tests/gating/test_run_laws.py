"""Laws of the pass: what must not change a count, and what must add up."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from chc_gating.gating.result import GatingResult
from chc_gating.gating.run import bin_events, run_plan
from chc_gating.model.flags import event_flag_bit
from tests.gating.scenes import (
    CHANNELS,
    GATES,
    INVERSE,
    make_events,
    make_gates,
    make_plan,
    make_stream,
)

EVENTS = make_events(5000, seed=1)


@pytest.fixture(scope="module")
def result() -> GatingResult:
    return run_plan(make_stream(EVENTS), make_plan(bead_population="beads"), keep_events=True)


def assert_same(a: GatingResult, b: GatingResult) -> None:
    """Every array, number and name is equal, bit for bit."""
    for name in a.__dataclass_fields__:
        left, right = getattr(a, name), getattr(b, name)
        if isinstance(left, np.ndarray):
            np.testing.assert_array_equal(left, right, err_msg=name)
        elif name == "densities":
            for x, y in zip(left, right, strict=True):
                np.testing.assert_array_equal(x.counts, y.counts)
                np.testing.assert_array_equal(x.x_edges, y.x_edges)
        elif name == "candidates":
            for key in left.__dataclass_fields__:
                np.testing.assert_array_equal(getattr(left, key), getattr(right, key), err_msg=key)
        else:
            assert left == right, name


@pytest.mark.parametrize("batch_events", [1, 7, 999, 1000, 4999])
def test_batch_size_changes_nothing(result: GatingResult, batch_events: int) -> None:
    plan = make_plan(bead_population="beads")
    again = run_plan(make_stream(EVENTS), plan, keep_events=True, batch_events=batch_events)
    assert_same(result, again)


@pytest.mark.parametrize("threads", [2, 5])
def test_threads_change_nothing(result: GatingResult, threads: int) -> None:
    plan = make_plan(bead_population="beads")
    again = run_plan(make_stream(EVENTS), plan, keep_events=True, threads=threads, batch_events=333)
    assert_same(result, again)


def test_an_unaligned_read_only_stream_gives_the_same(result: GatingResult) -> None:
    buffer = bytearray(b"x") + EVENTS.tobytes()
    shifted = np.frombuffer(bytes(buffer), dtype=np.float32, offset=1).reshape(EVENTS.shape)
    plan = make_plan(bead_population="beads")
    assert_same(result, run_plan(make_stream(shifted), plan, keep_events=True))


def test_permuting_events_changes_no_count(result: GatingResult) -> None:
    shuffled = EVENTS[np.random.default_rng(5).permutation(len(EVENTS))]
    again = run_plan(make_stream(shuffled), make_plan(bead_population="beads"))
    for name in (
        "population_counts",
        "population_invalid",
        "class_counts",
        "class_low_cut",
        "class_high_cut",
        "class_without_saturated",
        "channel_saturated",
        "channel_at_lower_margin",
        "channel_nonfinite",
    ):
        np.testing.assert_array_equal(getattr(again, name), getattr(result, name), err_msg=name)
    assert again.flag_counts == result.flag_counts


def test_valid_and_invalid_events_add_up_to_the_parent_at_every_gate() -> None:
    inside = make_gates(
        populations={
            "low": {"rectangle": {"PE-A": [None, 100]}},
            "high": {"rectangle": {"PE-A": [100, None]}},
        },
        phenotype="low",
    )
    found = run_plan(make_stream(EVENTS), make_plan(inside))
    total, low, high = found.population_counts
    assert found.population_invalid[1] == found.population_invalid[2] > 0
    assert low + high + found.population_invalid[1] == total == len(EVENTS)


def test_complement_excludes_nonfinite_events() -> None:
    events = np.full((4, len(CHANNELS)), 100.0)
    events[:3, 4] = [np.nan, np.inf, -np.inf]
    gates = make_gates(populations={"any": {"rectangle": {"PE-A": [None, None]}}}, phenotype="any")
    found = run_plan(make_stream(events), make_plan(gates, spillover=None))
    assert found.population_counts.tolist() == [4, 1]
    assert found.population_invalid.tolist() == [0, 3]


def test_a_rectangle_holds_its_low_bound_and_not_its_high_bound() -> None:
    events = np.full((3, len(CHANNELS)), 1.0)
    events[:, 4] = [100.0, 199.0, 200.0]
    gates = make_gates(populations={"in": {"rectangle": {"PE-A": [100, 200]}}}, phenotype="in")
    found = run_plan(make_stream(events), make_plan(gates, spillover=None), keep_events=True)
    assert found.event_mask is not None
    assert (found.event_mask >> np.uint64(1)).tolist() == [1, 1, 0]


def test_a_value_on_its_cut_is_positive_and_on_the_foot_of_a_band_indeterminate() -> None:
    events = np.zeros((3, len(CHANNELS)))
    events[:, 3] = [250.0, 150.0, np.nextafter(150.0, 0)]  # CD45, band [150, 250)
    events[:, 4] = 150.0  # EPCAM, cut 150
    events[:, 5] = -100.0  # CK, negative
    gates = make_gates(populations={}, phenotype="all")
    found = run_plan(make_stream(events), make_plan(gates, spillover=None), keep_events=True)
    assert found.event_class is not None
    names = [found.leaf_names[i] for i in found.event_class]
    assert names == ["CHC_EPCAM", "indeterminate_candidate", "CTC_EPCAM"]


def test_sub_phenotypes_add_up_to_their_class(result: GatingResult) -> None:
    for counts in (result.class_counts, result.class_low_cut, result.class_high_cut):
        rows = dict(zip(result.class_names, counts.tolist(), strict=True))
        for name in ("CHC", "CTC"):
            parts = [n for row, n in rows.items() if row.startswith(name + "_")]
            assert sum(parts) == rows[name] > 0


def test_classes_add_up_to_the_phenotype_events(result: GatingResult) -> None:
    rows = dict(zip(result.class_names, result.class_counts.tolist(), strict=True))
    classes = [n for row, n in rows.items() if not row.startswith(("CHC_", "CTC_"))]
    assert sum(classes) == result.phenotype_events


def test_time_bins_add_up_to_the_whole(result: GatingResult) -> None:
    assert result.bin_events.tolist() == [1000] * 5
    np.testing.assert_array_equal(
        result.bin_population_counts.sum(axis=0), result.population_counts
    )
    np.testing.assert_array_equal(result.bin_class_counts.sum(axis=0), result.class_counts)
    assert result.bin_phenotype_events.sum() == result.phenotype_events
    assert result.bin_candidates.sum() == len(result.candidates.event_index)


@pytest.mark.parametrize("marker", ["EPCAM", "CD45"])
def test_raising_the_cut_of_a_marker_that_must_be_positive_never_raises_a_count(
    marker: str,
) -> None:
    rules = {"CHC": "CD45+ and EPCAM+"}
    counts = []
    for cut in (-50.0, 0.0, 100.0, 250.0, 400.0):
        cuts = {"CD45": {"fixed": 100}, "EPCAM": {"fixed": 100}, "CK": {"fixed": 100}}
        cuts["VIA"] = {"fixed": 300}
        cuts[marker] = {"fixed": cut}
        found = run_plan(make_stream(EVENTS), make_plan(make_gates(cuts=cuts, phenotypes=rules)))
        counts.append(found.class_counts[0])
    assert counts == sorted(counts, reverse=True)
    assert counts[0] > counts[-1]


def test_beads_get_a_flag_and_no_class(result: GatingResult) -> None:
    beads = result.population_names.index("beads")
    assert result.event_mask is not None
    assert result.event_class is not None
    is_bead = (result.event_mask >> np.uint64(beads)) & np.uint64(1) == 1
    assert result.bead_events == is_bead.sum() == result.flag_counts["bead"] > 0
    assert not result.event_class[is_bead].any()
    viable = result.population_names.index("viable")
    assert result.phenotype_events < result.population_counts[viable]


def test_candidates_hold_every_channel_raw_and_compensated(result: GatingResult) -> None:
    found = result.candidates
    raw = EVENTS[found.event_index].astype(np.float64)
    np.testing.assert_array_equal(found.raw, raw)
    finite = np.isfinite(raw).all(axis=1)
    expected = raw[finite] @ INVERSE
    np.testing.assert_allclose(found.compensated[finite], expected, rtol=1e-12, atol=1e-9)
    assert set(found.phenotype) == {"CHC", "CTC"}
    assert all(
        sub.startswith(name + "_")
        for name, sub in zip(found.phenotype, found.sub_phenotype, strict=True)
    )
    assert (found.bin == found.event_index // 1000).all()


def test_ids_of_cells_stand_in_the_candidates() -> None:
    ids = np.arange(len(EVENTS), dtype=np.int64) * 10 + 3
    found = run_plan(make_stream(EVENTS, event_ids=lambda rows: ids[rows]), make_plan()).candidates
    np.testing.assert_array_equal(found.event_id, found.event_index * 10 + 3)


def test_stored_values_times_their_factor_are_gated() -> None:
    factors = np.array([0.5, 0.5, 1.0, 2.0, 1.0, 1.0, 1.0, 1.0])
    scaled = EVENTS.astype(np.float64) / factors  # exact: powers of two
    found = run_plan(make_stream(scaled, factors=factors), make_plan())
    plain = run_plan(make_stream(EVENTS.astype(np.float64)), make_plan())
    np.testing.assert_array_equal(found.class_counts, plain.class_counts)
    np.testing.assert_array_equal(found.channel_saturated, plain.channel_saturated)
    np.testing.assert_array_equal(found.candidates.raw, plain.candidates.raw)


def test_flags_that_the_front_end_knows_are_kept_counted_and_heeded() -> None:
    touching, saturated = event_flag_bit("touches_neighbour"), event_flag_bit("saturated")
    flags = np.zeros(len(EVENTS), dtype=np.uint32)
    flags[::2] = touching
    flags[::3] |= saturated
    stream = make_stream(EVENTS, event_flags=flags)
    found = run_plan(stream, make_plan(), keep_events=True, batch_events=700)
    assert found.event_flags is not None
    assert found.event_class is not None
    assert found.flag_counts["touches_neighbour"] == 2500
    assert ((found.event_flags & touching) == (flags & touching)).all()
    clean = found.event_flags & (saturated | event_flag_bit("leans_on_saturated")) == 0
    is_leukocyte = found.event_class == found.leaf_names.index("leukocyte")
    row = found.class_names.index("leukocyte")
    assert found.class_without_saturated[row] == (clean & is_leukocyte).sum()
    assert found.class_counts[row] == is_leukocyte.sum() > (clean & is_leukocyte).sum()


@pytest.mark.parametrize("with_rule", [False, True])
def test_events_of_a_lost_area_are_in_no_population_and_counted(*, with_rule: bool) -> None:
    """The law: the others are what they are in a stream without them."""
    polygon = {"of": ["FSC-A", "SSC-A"], "vertices": [[0, 0], [3500, 0], [3500, 1800], [0, 1800]]}
    populations = {"wide": {"polygon": polygon}} if with_rule else {}
    plan = make_plan(make_gates(populations=populations | GATES["populations"]))
    flags = np.zeros(len(EVENTS), dtype=np.uint32)
    lost = np.arange(len(EVENTS)) % 7 < 3
    flags[lost] = event_flag_bit("in_area_out_of_focus")
    found = run_plan(make_stream(EVENTS, event_flags=flags), plan, keep_events=True)
    alone = run_plan(make_stream(EVENTS[~lost]), plan, keep_events=True)
    assert found.event_class is not None
    assert alone.event_class is not None
    assert found.event_count == len(EVENTS)
    assert found.flag_counts["in_area_out_of_focus"] == lost.sum()
    for name in ("population_counts", "population_invalid", "class_counts", "class_high_cut"):
        np.testing.assert_array_equal(getattr(found, name), getattr(alone, name))
    np.testing.assert_array_equal(found.class_low_cut, alone.class_low_cut)
    np.testing.assert_array_equal(found.event_class[~lost], alone.event_class)
    assert not found.event_class[lost].any()
    assert (found.nucleated_events, found.candidates.total) == (
        alone.nucleated_events,
        alone.candidates.total,
    )


def test_time_bins_last_until_the_next_one_starts() -> None:
    found = run_plan(make_stream(EVENTS), make_plan())
    assert found.bin_start_s is not None
    assert found.bin_end_s is not None
    assert found.bin_start_s == pytest.approx([0, 10, 20, 30, 40], abs=1e-4)
    assert found.bin_end_s == pytest.approx([10, 20, 30, 40, 49.99], abs=1e-4)


def test_without_a_time_channel_there_are_no_times() -> None:
    found = run_plan(make_stream(EVENTS, time_channel=None), make_plan())
    assert found.bin_start_s is None
    assert found.bin_end_s is None


def test_a_stream_without_events_gives_zeros() -> None:
    found = run_plan(make_stream(EVENTS[:0]), make_plan(), keep_events=True)
    assert found.event_count == 0
    assert found.population_counts.tolist() == [0] * 5
    assert not found.class_counts.any()
    assert found.bin_start_s is None
    assert found.candidates.raw.shape == (0, len(CHANNELS))


def test_a_stream_that_yields_fewer_events_than_it_announces_is_an_error() -> None:
    stream = make_stream(EVENTS, event_count=len(EVENTS) + 1)
    with pytest.raises(ValueError, match="announces 5001 events and yields 5000"):
        run_plan(stream, make_plan())


def test_a_plan_for_other_channels_is_an_error() -> None:
    stream = make_stream(EVENTS, channels=tuple(reversed(CHANNELS)))
    with pytest.raises(ValueError, match="other channels"):
        run_plan(stream, make_plan())


def test_margins_count_saturated_lowest_and_nonfinite_values() -> None:
    events = np.full((6, len(CHANNELS)), 50.0)
    events[:, 4] = [-7.0, 5000.0, -7.0, np.nan, 6000.0, 3.0]
    found = run_plan(make_stream(events), make_plan(), batch_events=2, threads=2)
    assert found.channel_saturated[4] == 2
    assert found.channel_at_lower_margin[4] == 2
    assert found.channel_nonfinite[4] == 1


def test_bins_hold_a_thousand_events_and_are_at_most_two_hundred() -> None:
    assert bin_events(0).tolist() == [0, 0]
    assert bin_events(999).tolist() == [0, 999]
    assert bin_events(2500).tolist() == [0, 1250, 2500]
    assert len(bin_events(10_000_000)) == 201


def batches_of_one(events: np.ndarray) -> Iterator[np.ndarray]:
    return (events[i : i + 1] for i in range(len(events)))


def test_a_stream_may_yield_smaller_batches_than_asked_for(result: GatingResult) -> None:
    stream = make_stream(EVENTS, batches=lambda _: batches_of_one(EVENTS))
    assert_same(result, run_plan(stream, make_plan(bead_population="beads"), keep_events=True))


def test_some_facts_of_events_can_be_kept_alone() -> None:
    every = run_plan(make_stream(EVENTS), make_plan(), keep_events=True)
    some = run_plan(make_stream(EVENTS), make_plan(), keep_events=("class", "flags"))
    assert some.event_mask is None
    np.testing.assert_array_equal(some.event_class, every.event_class)
    np.testing.assert_array_equal(some.event_flags, every.event_flags)
