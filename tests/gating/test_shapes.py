"""Shapes, booleans, margins and singlets: what is inside, and what must add up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chc_gating.errors import RawFileError
from chc_gating.gating.compile import compile_gates
from chc_gating.gating.fit_lines import fit_line
from chc_gating.gating.result import GatingResult
from chc_gating.gating.run import run_plan
from chc_gating.model.gates import Gates
from chc_gating.model.panel import Panel
from tests.gating.scenes import CHANNELS, LABELS, PANEL, make_events, make_stream
from tests.gating.test_run_laws import assert_same

NO_SPILL = Panel.model_validate({**PANEL.model_dump(), "spillover": "none"})
TRIANGLE = {"of": ["PE-A", "APC-A"], "vertices": [[0, 0], [400, 0], [0, 400]]}
DISC = {
    "of": ["PE-A", "APC-A"],
    "mean": [100, 100],
    "covariance": [[100, 0], [0, 400]],
    "distance_square": 9,
}
EVERY_KIND: dict[str, Any] = {
    "cells": {"margins": ["FSC-A", "SSC-A"]},
    "singlet": {"parent": "cells", "singlets": {"of": ["FSC-A", "FSC-H"], "band": 1.0}},
    "triangle": {"parent": "singlet", "polygon": TRIANGLE},
    "placed": {"parent": "cells", "polygon": {"of": ["PE-A", "FITC-A"], "vertices": [
        [0.1, 0.1], [0.6, 0.1], [0.6, 0.6]]}, "scale": "transformed"},
    "disc": {"ellipse": DISC, "scale": "raw"},
    "corner": {"quadrant": {"of": ["PE-A", "APC-A"], "dividers": [50, 60], "sides": [
        "low", "high"]}},
    "both": {"parent": "cells", "and": ["triangle", "disc"]},
    "either": {"parent": "cells", "or": ["triangle", "disc"]},
    "neither": {"parent": "cells", "not": "either"},
}  # fmt: skip


def make(populations: Mapping[str, Any], **more: Any) -> Gates:
    return Gates.model_validate({"name": "shapes", "populations": populations, **more})


def run(events: np.ndarray, populations: Mapping[str, Any], **options: Any) -> GatingResult:
    plan = compile_gates(
        NO_SPILL, make(populations), channels=CHANNELS, labels=LABELS, spillover=None
    )
    return run_plan(make_stream(events), plan, keep_events=True, **options)


def members(result: GatingResult, name: str) -> list[bool]:
    assert result.event_mask is not None
    bit = np.uint64(result.population_names.index(name))
    return ((result.event_mask >> bit) & np.uint64(1) != 0).tolist()


def at(**values: list[float]) -> np.ndarray:
    """Events of 100 in every channel but those given; `PE_A` stands for PE-A."""
    size = len(next(iter(values.values())))
    events = np.full((size, len(CHANNELS)), 100.0)
    for key, column in values.items():
        events[:, CHANNELS.index(key.replace("_", "-"))] = column
    return events


def test_a_part_that_a_polygon_encloses_twice_is_outside() -> None:
    star = [[0, 0], [4, 0], [4, 4], [1, 4], [1, 1], [3, 1], [3, 3], [0, 3]]
    gate = {"a": {"polygon": {"of": ["PE-A", "APC-A"], "vertices": star}}}
    found = run(at(PE_A=[2, 0.5, 3.5, 5], APC_A=[2, 0.5, 3.5, 1]), gate)
    assert members(found, "a") == [False, True, True, False]


def test_polygons_with_a_common_edge_share_no_event_and_leave_none() -> None:
    left = {"of": ["PE-A", "APC-A"], "vertices": [[0, 0], [2, 0], [2, 2], [0, 2]]}
    right = {"of": ["PE-A", "APC-A"], "vertices": [[2, 0], [4, 0], [4, 2], [2, 2]]}
    found = run(
        at(PE_A=[2, 1, 3], APC_A=[1, 1, 1]), {"l": {"polygon": left}, "r": {"polygon": right}}
    )
    assert [a + b for a, b in zip(members(found, "l"), members(found, "r"), strict=True)] == [1] * 3


def test_an_event_on_the_ellipse_is_inside() -> None:
    # semi-axes 30 and 60: three standard deviations of 10 and 20
    found = run(at(PE_A=[130, 130.1, 100], APC_A=[100, 100, 160]), {"a": {"ellipse": DISC}})
    assert members(found, "a") == [True, False, True]


def test_an_ellipsoid_in_three_channels_is_its_mahalanobis_distance() -> None:
    events = make_events(2000, seed=3, dtype=np.float64)
    mean = np.array([200.0, 150.0, 100.0])
    covariance = np.array([[9e3, 1e3, 0], [1e3, 8e3, -2e3], [0, -2e3, 1e4]])
    gate = {
        "of": ["APC-A", "PE-A", "FITC-A"],
        "mean": mean.tolist(),
        "covariance": covariance.tolist(),
        "distance_square": 4,
    }
    off = events[:, 3:6] - mean
    with np.errstate(all="ignore"):
        distance = np.einsum("ni,ij,nj->n", off, np.linalg.inv(covariance), off)
    found = run(events, {"a": {"ellipse": gate}})
    finite = np.isfinite(events[:, 3:6]).all(axis=1)
    assert members(found, "a") == (finite & (distance <= 4)).tolist()
    assert found.population_invalid[1] == (~finite).sum()


def test_a_value_on_a_divider_is_on_its_high_side() -> None:
    quadrant = {"of": ["PE-A", "APC-A"], "dividers": [50, 60], "sides": ["high", "low"]}
    found = run(at(PE_A=[50, 49, 50], APC_A=[59, 59, 60]), {"a": {"quadrant": quadrant}})
    assert members(found, "a") == [True, False, False]


def test_events_at_a_margin_leave() -> None:
    found = run(at(FSC_A=[0, 1, 4999, 5000, np.nan]), {"a": {"margins": ["FSC-A"]}})
    assert members(found, "a") == [False, True, True, False, False]
    assert found.population_invalid.tolist() == [0, 1]


def test_a_margin_that_the_file_does_not_say_is_a_fault_of_the_file() -> None:
    events = at(FSC_A=[1.0, 2.0])
    plan = compile_gates(
        NO_SPILL,
        make({"a": {"margins": ["FSC-A"]}}),
        channels=CHANNELS,
        labels=LABELS,
        spillover=None,
    )
    stream = make_stream(events, saturation=np.full(len(CHANNELS), np.inf))
    with pytest.raises(RawFileError, match="needs the maximum of FSC-A"):
        run_plan(stream, plan)


def test_not_excludes_what_any_gate_on_the_way_could_not_decide() -> None:
    populations = {
        "wide": {"rectangle": {"FSC-A": [50, None]}},
        "inner": {"parent": "wide", "rectangle": {"PE-A": [50, None]}},
        "others": {"not": "inner"},
    }
    found = run(
        at(FSC_A=[100, 100, 10, np.nan, 100], PE_A=[100, 10, 100, 100, np.nan]), populations
    )
    assert members(found, "others") == [False, True, True, False, False]
    assert found.population_invalid.tolist() == [0, 1, 1, 2]


def test_or_is_decided_by_one_population_that_is_true() -> None:
    populations = {
        "a": {"rectangle": {"PE-A": [50, None]}},
        "b": {"rectangle": {"APC-A": [50, None]}},
        "any": {"or": ["a", "b"]},
        "all_of": {"and": ["a", "b"]},
    }
    found = run(at(PE_A=[100, 10, np.nan, np.nan], APC_A=[np.nan, np.nan, 100, 10]), populations)
    assert members(found, "any") == [True, False, True, False]
    assert found.population_invalid[3:].tolist() == [2, 2]


def test_a_polygon_on_the_transformed_scale_takes_logicle_positions() -> None:
    from flowutils import transforms

    values = np.array([-50.0, 10.0, 300.0, 20000.0, np.nan])
    square = [[0.2, 0.0], [0.4, 0.0], [0.4, 1.0], [0.2, 1.0]]
    gate = {"polygon": {"of": ["PE-A", "APC-A"], "vertices": square}, "scale": "transformed"}
    placed = transforms.logicle(values[:4], None, t=262144, m=4.5, w=0.5, a=0)
    expected = [*((placed >= 0.2) & (placed < 0.4)).tolist(), False]
    found = run(at(PE_A=values.tolist()), {"a": gate})
    assert members(found, "a") == expected
    assert found.population_invalid.tolist() == [0, 1]


EVENTS = make_events(4000, seed=7)


@pytest.fixture(scope="module")
def every_kind() -> GatingResult:
    return run(EVENTS, EVERY_KIND)


@pytest.mark.parametrize("options", [{"threads": 3, "batch_events": 333}, {"batch_events": 1999}])
def test_batches_and_threads_change_nothing(
    every_kind: GatingResult, options: dict[str, int]
) -> None:
    assert_same(every_kind, run(EVENTS, EVERY_KIND, **options))


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_permuting_events_permutes_populations(seed: int) -> None:
    order = np.random.default_rng(seed).permutation(len(EVENTS))
    first, again = run(EVENTS, EVERY_KIND), run(EVENTS[order], EVERY_KIND)
    assert first.event_mask is not None
    np.testing.assert_array_equal(again.event_mask, first.event_mask[order])
    np.testing.assert_array_equal(again.population_invalid, first.population_invalid)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), kind=st.sampled_from(["polygon", "ellipse", "quadrant",
       "margins", "singlets", "and", "or"]), scale=st.sampled_from(["compensated", "raw",
       "transformed"]))  # fmt: skip
def test_inside_outside_and_invalid_add_up_at_every_gate(seed: int, kind: str, scale: str) -> None:
    events = make_events(600, seed=seed)
    shape = {
        "polygon": TRIANGLE,
        "ellipse": DISC,
        "quadrant": {"of": ["PE-A", "APC-A"], "dividers": [0.5, 60], "sides": ["low", "high"]},
        "margins": ["PE-A", "APC-A"],
        "singlets": {"of": ["FSC-A", "FSC-H"]},
        "and": ["low", "bright"],
        "or": ["low", "bright"],
    }[kind]
    allowed = scale if kind in ("polygon", "ellipse", "quadrant") else "compensated"
    populations = {
        "low": {"rectangle": {"SSC-A": [None, 1000]}},
        "bright": {"rectangle": {"FITC-A": [100, None]}},
        "gate": {"parent": "low", kind: shape, "scale": allowed},
        "outside": {"parent": "low", "not": "gate"},
    }
    found = run(events, populations)
    _, low, _, inside, outside = found.population_counts
    assert found.population_invalid[3] == found.population_invalid[4]
    assert inside + outside + found.population_invalid[4] == low
    assert not any(
        a and b for a, b in zip(members(found, "gate"), members(found, "outside"), strict=True)
    )


def test_a_singlets_line_finds_the_line_beneath_doublets() -> None:
    rng = np.random.default_rng(1)
    height = rng.uniform(1000, 4000, 20_000)
    area = (50 + 1.2 * height) * (1 + 0.02 * rng.standard_normal(20_000))
    area[:2000] *= 1.9  # a tenth are doublets
    line = fit_line(area, height, band=3)
    assert line is not None
    assert line.slope == pytest.approx(1.2, rel=0.005)
    assert line.intercept == pytest.approx(50, abs=5)
    # the median of |r| over 10 % doublets is that of a normal at .5 / .9: 0.765 SD, not 0.6745
    assert line.half_width == pytest.approx(3 * 0.02 * 1.4826 * 0.765, rel=0.03)
    off = area / (line.intercept + line.slope * height) - 1
    assert (np.abs(off[:2000]) > line.half_width).all()


def test_a_singlets_gate_reports_its_line_and_keeps_large_cells() -> None:
    rng = np.random.default_rng(2)
    events = np.full((5000, len(CHANNELS)), 100.0)
    events[:, 1] = rng.uniform(100, 4000, 5000)
    events[:, 0] = 1.1 * events[:, 1] * (1 + 0.03 * rng.standard_normal(5000))
    found = run(events, {"a": {"singlets": {"of": ["FSC-A", "FSC-H"]}}})
    inside = np.array(members(found, "a"))
    assert found.lines["a"].events == 5000
    large = events[:, 1] > 3000
    assert inside[large].mean() == pytest.approx(inside[~large].mean(), abs=0.01)


def test_too_few_events_for_a_line_are_a_fault_of_the_file() -> None:
    gate = {"a": {"singlets": {"of": ["FSC-A", "FSC-H"]}}}
    with pytest.raises(RawFileError, match=r"population a: a singlets line needs 100 events"):
        run(at(FSC_A=[1.0] * 50), gate)
    assert run(at(FSC_A=[]), gate).population_counts.tolist() == [0, 0]


CALLED = {
    "cd45_high": {"rectangle": {"APC-A": [200, None]}},
    "cd45_low": {"rectangle": {"APC-A": [None, 100]}},
    "ck_high": {"rectangle": {"FITC-A": [200, None]}},
    "ck_low": {"rectangle": {"FITC-A": [None, 220]}},
}


def test_populations_stand_for_the_calls_of_a_marker() -> None:
    gates = make(
        CALLED,
        markers={
            "CD45": {"positive": "cd45_high", "negative": "cd45_low"},
            "CK": {"positive": "ck_high", "negative": "ck_low"},
        },
        phenotypes={
            "CHC": "CD45+ and CK+",
            "CTC": "CD45- and CK+",
            "leukocyte": "CD45+ and CK-",
        },
    )
    plan = compile_gates(NO_SPILL, gates, channels=CHANNELS, labels=LABELS, spillover=None)
    events = at(APC_A=[300, 50, 300, 150, 300, np.nan], FITC_A=[300, 300, 50, 300, 210, 300])
    found = run_plan(make_stream(events), plan, keep_events=True)
    assert found.event_class is not None
    assert [found.leaf_names[i] for i in found.event_class] == [
        "CHC_CK",
        "CTC_CK",
        "leukocyte",
        "indeterminate_candidate",  # between the populations of CD45
        "indeterminate_candidate",  # in both populations of CK
        "invalid_candidate",
    ]
    assert found.class_low_cut is None
    assert found.class_high_cut is None
