"""What must never be printed (science.md section 6), over generated draws."""

from __future__ import annotations

import math

from count_cases import count_case, make_draw, make_failure, make_result, make_row
from hypothesis import given, settings
from hypothesis import strategies as st

from chc_gating.counting.table import render_counts
from chc_gating.model.acquisition import AcquisitionResult, FlowFacts
from chc_gating.model.count import COUNT_COLUMNS, CountRow, DrawCount
from chc_gating.model.flags import DRAW_FLAGS

SHARE = st.none() | st.floats(0.001, 1)
NUMBERS = COUNT_COLUMNS[COUNT_COLUMNS.index("count") : COUNT_COLUMNS.index("call")]


@st.composite
def draws(draw: st.DrawFn) -> DrawCount:
    cells = {
        "volume_ml": draw(st.none() | st.floats(0.1, 50)),
        "wbc_per_ul": draw(st.none() | st.floats(100, 50_000)),
        "lymphocyte_fraction": draw(st.none() | st.floats(0.01, 0.5)),
        "monocyte_fraction": draw(st.none() | st.floats(0.01, 0.5)),
        "cbc_cv": draw(st.none() | st.floats(0.001, 1)),
        "preparation": draw(st.sampled_from([None, "lysed", "gradient", "none"])),
        "cohort": draw(st.sampled_from(["patient", "donor", "spike"])),
    }
    if draw(st.booleans()):
        spiked = draw(st.integers(1, 2000))
        cells["spiked"], cells["recovered"] = spiked, draw(st.integers(0, spiked))
    if draw(st.booleans()):
        cells["recovery_scope"] = draw(st.sampled_from(["handling", "end_to_end"]))
    rows = [
        (make_row(acquisition=f"A{i}", **draw(ROWS)), draw(st.booleans()))
        for i in range(draw(st.integers(0, 3)))
    ]
    members = [(row, draw(results(row.modality, fails=fails))) for row, fails in rows]
    return count_case([make_draw(**cells)], members)


ROWS = st.fixed_dictionaries(
    {
        "modality": st.sampled_from(["flow", "image"]),
        "fraction_stained": SHARE,
        "fraction_acquired": SHARE,
        "dilution_factor": st.none() | st.floats(1, 50),
        "volume_acquired_ul": st.none() | st.floats(1, 5000),
        "bead_population": st.sampled_from([None, "beads"]),
        "beads_added": st.none() | st.floats(100, 1e6),
        "blood_in_tube_ml": st.none() | st.floats(0.01, 10),
        "volume_plated_ml": st.none() | st.floats(0.01, 10),
        "replicate": st.sampled_from([None, "1", "2"]),
        "tube": st.sampled_from([None, "T1", "T2"]),
        "lot": st.sampled_from([None, "L1"]),
        "gates": st.sampled_from(["chc", "chc", "chc", "nocuts"]),
    }
)


@st.composite
def results(draw: st.DrawFn, modality: str, *, fails: bool) -> AcquisitionResult:
    if fails and draw(st.booleans()):
        return make_failure("truncated")
    loss = st.none() | st.integers(0, 10_000)
    facts: dict[str, object] = {
        "phenotype_events": draw(st.sampled_from([0, 999, 1000, 10**6])),
        "nucleated_events": draw(st.none() | st.integers(0, 10**6)),
        "bead_events": draw(st.none() | st.integers(0, 50_000)),
    }
    if modality == "flow":
        facts["flow"] = FlowFacts(
            fcs_version="FCS3.1",
            abort_events=draw(loss),
            lost_events=draw(loss),
            volume_ul=draw(st.none() | st.floats(1, 5000)),
        )
    counts = {"CHC": draw(st.integers(0, 50)), "leukocyte": draw(st.integers(0, 10**5))}
    return make_result(counts, modality=modality, **facts)


def numbers_per_volume(row: CountRow) -> list[float | None]:
    return [
        row.per_7_5_ml,
        row.per_ml,
        row.ci95_low_per_7_5_ml,
        row.ci95_high_per_7_5_ml,
        row.upper95_per_7_5_ml,
    ]


@given(counted=draws())
@settings(max_examples=150, deadline=None)
def test_nothing_forbidden_stands_in_the_rows(counted: DrawCount) -> None:
    for row in counted.rows:
        per_volume = numbers_per_volume(row)
        assert len({value is None for value in per_volume}) == 1
        if row.per_7_5_ml is None:
            assert row.reason
            continue
        low, high, upper = per_volume[2:]
        assert row.exposure_ml is not None
        assert row.exposure_ml > 0
        assert row.exposure_source
        assert all(value is not None and math.isfinite(value) for value in per_volume)
        assert 0 <= low <= row.per_7_5_ml < upper <= high
        assert (low == 0) == (row.count == 0)
        assert (row.recovery is None) == ("not_corrected_for_recovery" in row.flags)


@given(counted=draws())
@settings(max_examples=100, deadline=None)
def test_what_was_not_measured_is_never_a_zero(counted: DrawCount) -> None:
    for row in counted.rows:
        if row.status == "not_counted":
            assert row.reason
            assert {getattr(row, name) for name in NUMBERS} == {None}
            assert row.call is None
        else:
            assert row.count is not None


@given(counted=draws())
@settings(max_examples=100, deadline=None)
def test_no_row_calls_a_draw_positive_without_limits(counted: DrawCount) -> None:
    assert {row.call for row in counted.rows} <= {None, "not_assessable"}
    assert "positive" not in render_counts(counted.rows)
    assert "67568-6" not in counted.model_dump_json()


@given(counted=draws())
@settings(max_examples=100, deadline=None)
def test_every_flag_has_its_meaning_in_words(counted: DrawCount) -> None:
    assert set(counted.flags) <= set(DRAW_FLAGS)
    assert {f for one in counted.acquisitions for f in one.flags} <= set(DRAW_FLAGS)


@given(counted=draws())
@settings(max_examples=100, deadline=None)
def test_parts_add_up_to_the_row_they_divide(counted: DrawCount) -> None:
    for one in counted.acquisitions:
        assert not (one.summed and one.status == "not_counted")
    keys = {(r.modality, r.panel, r.gates, r.lot) for r in counted.rows}
    for key in keys:
        rows = [r for r in counted.rows if (r.modality, r.panel, r.gates, r.lot) == key]
        summed = [
            one
            for one in counted.acquisitions
            if one.summed
            and (one.row["modality"], one.row["panel"], one.row["gates"], one.row.get("lot")) == key
        ]
        for row in rows:
            if row.status == "counted":
                assert row.count == sum(one.counts[row.phenotype or ""] for one in summed)
